"""What engines that run a model share: where it is, and what it depends on."""

from importlib import metadata
from pathlib import Path
from typing import Any, Dict, Iterable

from fairseq_xling.errors import UserError
from fairseq_xling.files.hashes import sha256_of
from fairseq_xling.precision import precision_of
from fairseq_xling.translation.engine import Engine


class ModelEngine(Engine):
    """An engine that runs a model, which is loaded with the first sentences.

    Attributes:
        packages: that run it.
    """

    packages: Iterable[str]

    def files(self) -> Iterable[Path]:
        """The files that the model consists of."""
        raise NotImplementedError

    def settings(self) -> Dict[str, Any]:
        hashes = {path.name: sha256_of(path) for path in sorted(self.files())}
        precision = precision_of(self.options)
        more = {"sha256": hashes, "beam": self.options.beam, "precision": precision}
        return {**super().settings(), **more}

    def versions(self) -> Dict[str, str]:
        return {name: metadata.version(name) for name in self.packages}

    def not_loaded(self, error: Exception, mend: str) -> UserError:
        """What to say where the model, or a part of it, cannot be loaded."""
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        return UserError(
            f"--engine {self.name}: cannot be loaded to translate ({reason}); {mend}"
        )

    def folder(self) -> Path:
        """The folder that the spec names, by the first codes for which there is one.

        Where there is none, that of the data's own codes.
        """
        folders = [Path(name) for name in self.renderings()]
        return next((one for one in folders if one.exists()), folders[0])
