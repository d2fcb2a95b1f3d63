"""A translation model of Hugging Face: M2M-100, NLLB, mBART or Marian."""

import importlib
import logging
from functools import cached_property
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

import torch

from fairseq_xling.devices import choose_device
from fairseq_xling.errors import UserError
from fairseq_xling.precision import half_dtype
from fairseq_xling.translation.engine import EngineOptions
from fairseq_xling.translation.model_files import ModelEngine

logger = logging.getLogger(__name__)

FILES = ("*.json", "*.safetensors", "*.bin", "*.model", "*.spm", "*.txt")
# Of translations: A times the source's length and B more tokens.
MOST_LENGTH = (1.5, 20)


class Loaded(NamedTuple):
    """A model with its tokenizer.

    Attributes:
        first: the token that translations begin with, of models that have one for each
            language.
        prefix: of each sentence, of models that read there which language is meant.
    """

    model: Any
    tokenizer: Any
    first: Optional[int]
    prefix: str


class HuggingFaceEngine(ModelEngine):
    """Runs a model of a folder, or of a name at Hugging Face, by transformers.

    Which language is meant is told as the model's kind wants it: by the first token of
    the source and of the translation (M2M-100, NLLB, mBART), by a prefix (Marian of
    several languages), or not at all.
    """

    kind = "hf"
    packages = ("transformers", "torch")

    def __init__(
        self, spec: str, source: str, target: str, options: EngineOptions
    ) -> None:
        super().__init__(spec, source, target, options)
        try:
            self.transformers = importlib.import_module("transformers")
        except ImportError:
            raise UserError(
                f"--engine {self.name}: needs transformers; install it with: pip "
                "install 'fairseq_xling[translate]'"
            ) from None
        # A folder, or a name.
        self.path = str(self.folder())
        self.config = self._load("AutoConfig")

    def _load(self, kind: str, **options: Any) -> Any:
        """Load a part of the model."""
        try:
            return getattr(self.transformers, kind).from_pretrained(
                self.path, **options
            )
        except (OSError, ValueError, ImportError, RuntimeError) as error:
            mend = "give a folder or a name of a translation model"
            raise self.not_loaded(error, mend) from None

    def files(self) -> Iterable[Path]:
        folder = Path(self.path)
        return [path for pattern in FILES for path in folder.glob(pattern)]

    def settings(self) -> Dict[str, Any]:
        commit = getattr(self.config, "_commit_hash", None)
        return {**super().settings(), **({"commit": commit} if commit else {})}

    @cached_property
    def loaded(self) -> Loaded:
        """The model, told both languages."""
        tokenizer = self._load("AutoTokenizer")
        told = self._tell_languages(tokenizer)
        model = self._load("AutoModelForSeq2SeqLM")
        device = choose_device(self.options.cpu)
        dtype = half_dtype(self.options, device.type != "cpu")
        model = model.to(dtype) if dtype is not None else model
        return Loaded(model.to(device).eval(), tokenizer, *told)

    def _tell_languages(self, tokenizer: Any) -> Tuple[Optional[int], str]:
        """Set the source's token, if there are such.

        Returns:
            the token of the target, and what is put before sentences.

        Raises:
            UserError: the model lacks a language.
        """
        pairs = list(self.options.codes.pairs(self.source, self.target))
        prefixes = set(getattr(tokenizer, "supported_language_codes", None) or ())
        if prefixes:
            wanted = [f">>{code}<<" for _, code in pairs]
            found = next((one for one in wanted if one in prefixes), None)
            if found is not None:
                return None, f"{found} "
        elif getattr(tokenizer, "src_lang", None) is None:
            return None, ""
        else:
            tokens = set(tokenizer.all_special_tokens)
            for source, target in pairs:
                if all({x, f"__{x}__"} & tokens for x in (source, target)):
                    tokenizer.src_lang = source
                    name = target if target in tokens else f"__{target}__"
                    return tokenizer.convert_tokens_to_ids(name), ""
        raise UserError(
            f"--engine {self.name}: {self.path} does not translate from {self.source} "
            f"to {self.target}; give the codes that it has with --lang-code"
        )

    def run(self, sentences: List[str]) -> List[str]:
        _, tokenizer, _, prefix = self.loaded
        tokens = [tokenizer(prefix + one)["input_ids"] for one in sentences]
        longest = getattr(self.config, "max_position_embeddings", None) or 512
        longest = min(longest, self.options.max_tokens or longest)
        fits = [place for place, one in enumerate(tokens) if len(one) <= longest]
        if len(fits) < len(tokens):
            logger.warning(
                f"--engine {self.name}: {len(tokens) - len(fits)} sentences of more "
                f"than {longest} tokens stay empty"
            )
        found = [""] * len(tokens)
        fits.sort(key=lambda place: (len(tokens[place]), place))
        for batch in self._batches(fits, tokens):
            translated = self._generate([tokens[place] for place in batch])
            for place, text in zip(batch, translated):
                found[place] = text
        return found

    def _batches(self, places: List[int], tokens: List[List[int]]) -> List[List[int]]:
        """Places of sentences, shortest first, as batches."""
        batches: List[List[int]] = []
        for place in places:
            size = len(batches[-1]) + 1 if batches else 0
            is_full = size > self.options.batch_size
            if self.options.max_tokens:
                is_full = size * len(tokens[place]) > self.options.max_tokens
            if not batches or is_full:
                batches.append([])
            batches[-1].append(place)
        return batches

    @torch.no_grad()
    def _generate(self, rows: List[List[int]]) -> List[str]:
        model, tokenizer, first, _ = self.loaded
        batch = tokenizer.pad({"input_ids": rows}, return_tensors="pt").to(model.device)
        times, more = MOST_LENGTH
        options = {} if first is None else {"forced_bos_token_id": first}
        out = model.generate(
            **batch,
            **options,
            num_beams=self.options.beam,
            do_sample=False,
            max_new_tokens=int(times * len(rows[-1])) + more,
        )
        return tokenizer.batch_decode(out, skip_special_tokens=True)
