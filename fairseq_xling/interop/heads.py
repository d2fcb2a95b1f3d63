"""The heads of models: Hugging Face's classes, and the modules of theirs and ours."""

from typing import Dict, NamedTuple, Optional, Tuple, Type

from fairseq_xling.families.base import Family
from fairseq_xling.families.pairs.task import PairsFamily
from fairseq_xling.families.questions.task import QuestionsFamily
from fairseq_xling.families.tagging.task import TaggingFamily


class Module(NamedTuple):
    """A module of a head.

    Attributes:
        theirs: its names at Hugging Face: of an XLM-R, a BERT and a DistilBERT.
        ours: its name here.
        sizes: of its weight.
    """

    theirs: Tuple[str, str, str]
    ours: str
    sizes: Tuple[str, ...]


class Head(NamedTuple):
    """What a class of Hugging Face's has on top of the backbone.

    Attributes:
        modules: the first one first.
        family: of the tasks that it is for; None for masked tokens, or of no head.
        token_bias: of masked tokens, whose matrix is the embeddings, its names at
            Hugging Face.
        has_labels: whether its outputs are named.
        problem: what it is called in settings.
        benchmarks: the tasks that a model may be fine-tuned for.
    """

    modules: Tuple[Module, ...] = ()
    family: Optional[Type[Family]] = None
    token_bias: Tuple[str, ...] = ()
    has_labels: bool = False
    problem: Optional[str] = None
    benchmarks: Tuple[str, ...] = ()

    @property
    def output(self) -> str:
        """Our name of the last module."""
        return self.modules[-1].ours


SQUARE, OUTPUTS = ("dim", "dim"), ("classes", "dim")
CLASSES, TAGS, SPANS = (
    one.head_bias.removesuffix(".bias")
    for one in (PairsFamily, TaggingFamily, QuestionsFamily)
)
OUR_LM, BERT_LM = "encoder.lm_head.", "cls.predictions."
NO_HEAD = Head()
LM = Head(
    (
        Module(
            ("lm_head.dense", f"{BERT_LM}transform.dense", "vocab_transform"),
            f"{OUR_LM}dense", SQUARE,
        ),
        Module(
            (
                "lm_head.layer_norm", f"{BERT_LM}transform.LayerNorm",
                "vocab_layer_norm",
            ),
            f"{OUR_LM}layer_norm", ("dim",),
        ),
    ),
    token_bias=("lm_head.bias", f"{BERT_LM}bias", "vocab_projector.bias"),
)  # fmt: skip
# By what the names of their classes end with; of equal ones, the first is written.
HEADS: Dict[str, Head] = {
    "Model": NO_HEAD,
    "ForMaskedLM": LM,
    "ForPreTraining": LM,
    "ForSequenceClassification": Head(
        (
            Module(
                ("classifier.dense", "{prefix}pooler.dense", "pre_classifier"),
                CLASSES.replace("out_proj", "dense"), SQUARE,
            ),
            Module(
                ("classifier.out_proj", "classifier", "classifier"), CLASSES, OUTPUTS
            ),
        ),
        PairsFamily,
        has_labels=True,
        problem="single_label_classification",
        benchmarks=("xnli", "pawsx"),
    ),
    "ForTokenClassification": Head(
        (Module(("classifier", "classifier", "classifier"), TAGS, OUTPUTS),),
        TaggingFamily,
        has_labels=True,
        benchmarks=("udpos", "panx"),
    ),
    "ForQuestionAnswering": Head(
        (Module(("qa_outputs", "qa_outputs", "qa_outputs"), SPANS, OUTPUTS),),
        QuestionsFamily,
        benchmarks=("xquad", "mlqa", "tydiqa"),
    ),
}  # fmt: skip
BENCHMARKS = sorted(name for head in HEADS.values() for name in head.benchmarks)
