"""A translation model of fairseq, run by fairseq's own generator."""

import logging
from functools import cached_property
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Set

import torch
from fairseq import checkpoint_utils, hub_utils, utils
from fairseq_cli.generate import get_symbols_to_strip_from_output
from omegaconf import open_dict
from omegaconf.errors import OmegaConfBaseException

from fairseq_xling.checkpoints.opening import look_into, open_checkpoint
from fairseq_xling.checkpoints.paths import find_checkpoint_file
from fairseq_xling.checkpoints.stored_options import stored_options
from fairseq_xling.devices import choose_device
from fairseq_xling.errors import UserError
from fairseq_xling.precision import half_dtype
from fairseq_xling.translation.engine import EngineOptions
from fairseq_xling.translation.language_codes import Pair
from fairseq_xling.translation.model_files import ModelEngine

logger = logging.getLogger(__name__)

# Of hypotheses: A times the source's length and B more tokens.
MOST_LENGTH = (1.5, 20)
BPE_CODES = ("bpecodes", "code")


class FairseqEngine(ModelEngine):
    """Runs the checkpoint of a folder, which also has its dictionaries.

    Tasks ``translation`` and ``translation_multi_simple_epoch`` (M2M-100) are those
    that fairseq has. Words are split as the checkpoint's options say, or by what the
    folder has: a SentencePiece model, or BPE codes.
    """

    kind = "fairseq"
    packages = ("fairseq-fixed", "torch")

    def __init__(
        self, spec: str, source: str, target: str, options: EngineOptions
    ) -> None:
        super().__init__(spec, source, target, options)
        path = self.folder()
        self.checkpoint = Path(find_checkpoint_file(path, "--engine fairseq:"))
        self.data = self.checkpoint.parent

    def files(self) -> Iterable[Path]:
        vocabulary = [*self.data.glob("*dict*.txt"), *self.data.glob("*.model")]
        codes = [self.data / name for name in BPE_CODES if (self.data / name).exists()]
        return [self.checkpoint, *vocabulary, *codes]

    @cached_property
    def hub(self) -> Any:
        """The model with its task, dictionaries and tokenizer."""
        pair = self._codes()
        overrides = {"source_lang": pair[0], "target_lang": pair[1]}
        overrides.update(data=str(self.data), **self._vocabulary(pair))
        state = open_checkpoint(self.checkpoint, **overrides)
        try:
            models, cfg, task = checkpoint_utils.load_model_ensemble_and_task(
                [str(self.checkpoint)], overrides, state=state
            )
            with open_dict(cfg):
                cfg.generation.beam = self.options.beam
                cfg.generation.max_len_a, cfg.generation.max_len_b = MOST_LENGTH
            hub = hub_utils.GeneratorHubInterface(cfg, task, models)
        except UserError:
            raise
        except (
            *(OSError, AssertionError, LookupError, RuntimeError, ImportError),
            *(AttributeError, ValueError, OmegaConfBaseException),
        ) as error:
            mend = "give the folder of a translation model"
            raise self.not_loaded(error, mend) from None
        device = choose_device(self.options.cpu)
        dtype = half_dtype(self.options, device.type != "cpu")
        hub = hub.to(dtype) if dtype is not None else hub
        return hub.to(device).eval()

    def _codes(self) -> Pair:
        """What the model calls both languages.

        Raises:
            UserError: it does not know them, or translates in one other direction.
        """
        options = stored_options(look_into(self.checkpoint), "task")
        pairs = list(self.options.codes.pairs(self.source, self.target))
        known = known_languages(options)
        wanted = [pair for pair in pairs if set(pair) <= known]
        own = (options.get("source_lang"), options.get("target_lang"))
        if not is_multilingual(options):
            wanted = [pair for pair in pairs if pair == own]
            known_as = (
                f"it translates from {own[0]} to {own[1]}; give a model for each "
            )
            known_as += "direction by {src} and {tgt} in the folder's name"
        else:
            known_as = f"it knows {','.join(sorted(known)[:20])}"
        if not wanted:
            raise UserError(
                f"--engine {self.name}: {self.checkpoint} does not translate from "
                f"{self.source} to {self.target}; {known_as}, or tell its codes with "
                "--lang-code"
            )
        return wanted[0]

    def _vocabulary(self, pair: Pair) -> Dict[str, Any]:
        """Options that name the folder's files."""
        found: Dict[str, Any] = {}
        models = sorted(self.data.glob("*.model"))
        codes = [self.data / name for name in BPE_CODES if (self.data / name).exists()]
        if models:
            found.update(bpe="sentencepiece", sentencepiece_model=str(models[0]))
        elif codes:
            found.update(bpe="subword_nmt", bpe_codes=str(codes[0]))
        dictionaries = sorted(self.data.glob("*dict*.txt"))
        names = {path.name for path in dictionaries}
        if f"dict.{pair[0]}.txt" not in names and len(dictionaries) == 1:
            found["fixed_dictionary"] = str(dictionaries[0])
        return found

    def run(self, sentences: List[str]) -> List[str]:
        hub = self.hub
        tokens = [hub.encode(sentence) for sentence in sentences]
        limit = hub.max_positions
        limit = limit if isinstance(limit, int) else limit[0]
        limit = min(limit, self.options.max_tokens or limit)
        fits = [place for place, one in enumerate(tokens) if len(one) <= limit]
        if len(fits) < len(tokens):
            logger.warning(
                f"--engine {self.name}: {len(tokens) - len(fits)} sentences of more "
                f"than {limit} tokens stay empty"
            )
        found = dict(self._generate([tokens[place] for place in fits]) if fits else ())
        texts = {fits[place]: text for place, text in found.items()}
        assert len(texts) == len(fits), "fairseq left out a batch"
        return [texts.get(place, "") for place in range(len(tokens))]

    @torch.no_grad()
    def _generate(self, tokens: List[torch.Tensor]) -> Iterator[Any]:
        """Translations with the places of their sentences, batch by batch."""
        hub, task = self.hub, self.hub.task
        models = list(hub.models)
        generator = task.build_generator(models, hub.cfg.generation)
        ignored = get_symbols_to_strip_from_output(generator)
        lengths = torch.tensor([len(one) for one in tokens])
        batches = task.get_batch_iterator(
            task.build_dataset_for_inference(tokens, lengths),
            max_tokens=self.options.max_tokens,
            max_sentences=None if self.options.max_tokens else self.options.batch_size,
            max_positions=hub.max_positions,
            required_batch_size_multiple=1,
            disable_iterator_cache=True,
        ).next_epoch_itr(shuffle=False)
        for batch in batches:
            batch = utils.apply_to_sample(lambda x: x.to(hub.device), batch)
            hypotheses = task.inference_step(generator, models, batch)
            for place, best in zip(batch["id"].tolist(), hypotheses):
                text = hub.tgt_dict.string(
                    best[0]["tokens"].int().cpu(), extra_symbols_to_ignore=ignored
                )
                yield place, hub.detokenize(hub.remove_bpe(text))


def is_multilingual(options: Dict[str, Any]) -> bool:
    """Whether a task has more than one direction."""
    return any(options.get(name) for name in ("langs", "lang_dict", "lang_pairs"))


def known_languages(options: Dict[str, Any]) -> Set[str]:
    """The languages that a task tells of."""
    found: Set[str] = set()
    for name, separators in (("langs", ","), ("lang_pairs", ",-")):
        value = options.get(name) or []
        texts = value.split(",") if isinstance(value, str) else value
        for text in texts:
            found.update(text.split("-") if "-" in separators else [text])
    if options.get("lang_dict"):
        found.update(Path(options["lang_dict"]).read_text("utf-8").split())
    return found
