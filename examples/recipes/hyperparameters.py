"""How X-Mixup, its baselines and its ablations are trained, as options.

What the tasks set themselves (mixup layer, alpha, decay; Table 10) is not repeated.

Source: X-Mixup section 5.1 and appendix C.1.
"""

import shlex
from typing import Dict, Mapping, NamedTuple

# Rows of an update, on any number of GPUs.
ROWS = 64
TRAINING = shlex.split("""
    --criterion xmixup --optimizer adamw_fused --adam-betas '(0.9, 0.999)'
    --adam-eps 1e-8 --clip-norm 1.0 --lr-scheduler polynomial_decay --dropout 0.1
    --attention-dropout 0.1 --maximize-best-checkpoint-metric --keep-interval-updates 0
    --no-epoch-checkpoints --log-format simple --log-interval 100
""")


class Benchmark(NamedTuple):
    """How a benchmark is trained.

    Attributes:
        metric: what is logged and selected on.
        lengths: options of how long texts may be.
        epochs, lr: of fine-tuning.
        batch_size: rows a GPU and step at most.
        warms_up: whether a tenth of the updates warm up.
        chooses_stream: whether the stream that is predicted from is an option.
        pseudo_labels: whether translated words have no labels but those of a model.
        raw_options: of its preprocessing.
        has_no: methods that are none here, and why.
    """

    metric: str
    lengths: str
    epochs: int = 4
    lr: str = "5e-6"
    batch_size: int = 16
    warms_up: bool = False
    chooses_stream: bool = False
    pseudo_labels: bool = False
    raw_options: tuple = ()
    has_no: Mapping[str, str] = {}


NO_KL = "has no KL loss; without its consistency loss is no-mse"
NO_WAY = "predicts from the target stream only, not from translations"
HAS_NO = {"no-kl": NO_KL, "no-consistency": NO_KL, "translate-test": NO_WAY}
PAIRS = Benchmark(
    "accuracy", "--max-positions 128 --truncate-sequence", chooses_stream=True
)
TAGGING = Benchmark("f1", "--max-positions 128", pseudo_labels=True, has_no=HAS_NO)
QUESTIONS = Benchmark(
    "score", "--max-positions 384 --doc-stride 128", epochs=2, batch_size=4,
    warms_up=True, has_no=HAS_NO,
)  # fmt: skip
BENCHMARKS: Dict[str, Benchmark] = {
    "xnli": PAIRS,
    "pawsx": PAIRS,
    "udpos": TAGGING,
    "panx": TAGGING,
    "xquad": QUESTIONS,
    "mlqa": QUESTIONS,
    # It has no dev set: a tenth of the training questions becomes one.
    "tydiqa": QUESTIONS._replace(
        epochs=4, lr="3e-5", raw_options=("--held-out", "0.1")
    ),
}


class Method(NamedTuple):
    """What is compared.

    Attributes:
        options: that make it; ``{metric}`` stands for the benchmark's.
        predict: the stream that it predicts from.
        reads_labels_alone: whether it is trained on labelled text, not on translations.
    """

    options: str = ""
    predict: str = "mean"
    reads_labels_alone: bool = False


ZERO_SHOT = Method(
    "--training-set source --best-checkpoint-metric {metric}_en", "target", True
)
CONCATENATED = "--training-set concatenated"
NO_MSE, NO_KL_LOSS = "--representation-loss-weight 0", "--prediction-loss-weight 0"
METHODS: Dict[str, Method] = {
    "xmixup": Method(),
    # Baselines.
    "zero-shot": ZERO_SHOT,
    "translate-test": ZERO_SHOT._replace(predict="source"),
    "translate-train": Method(CONCATENATED, "target"),
    "supervised": Method(f"{CONCATENATED} --train-subset supervised", "target", True),
    # Ablations of Tables 5 and 9.
    "no-mixup": Method("--mixup-layer 0"),
    "no-mixup-inference": Method("--no-mixup-inference"),
    "no-scheduled-sampling": Method("--scheduled-sampling-decay 0"),
    "constant-ratio": Method("--mixup-ratio constant"),
    "no-mse": Method(NO_MSE),
    "no-kl": Method(NO_KL_LOSS),
    "no-consistency": Method(f"{NO_MSE} {NO_KL_LOSS}"),
}
