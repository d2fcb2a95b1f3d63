"""What tasks that train an encoder share: one dictionary, and options of the model."""

from typing import Any

from fairseq.data import Dictionary
from omegaconf import OmegaConf, open_dict

from fairseq_xling.tasks.memory_logging import MemoryLoggingTask


class EncoderTask(MemoryLoggingTask):
    """A task with one dictionary that tells its model how long sequences are.

    Subclasses have ``cfg``, with ``max_positions``, and ``dictionary``.
    """

    dictionary: Dictionary

    def mixup_layer_of(self, cfg: Any) -> str:
        """The ``mixup_layer`` of a model whose options ``cfg`` name none."""
        raise NotImplementedError

    def build_model(self, cfg, from_checkpoint: bool = False):
        """Build the model, with the task's mixup layer where none was given."""
        if OmegaConf.is_config(cfg):
            with open_dict(cfg):
                self._fill_model_options(cfg)
        else:
            self._fill_model_options(cfg)
        return super().build_model(cfg, from_checkpoint)

    def _fill_model_options(self, cfg) -> None:
        cfg.max_positions = self.cfg.max_positions
        if getattr(cfg, "mixup_layer", None) is None:
            cfg.mixup_layer = self.mixup_layer_of(cfg)

    def max_positions(self) -> int:
        return self.cfg.max_positions

    @property
    def source_dictionary(self) -> Dictionary:
        return self.dictionary

    @property
    def target_dictionary(self) -> Dictionary:
        return self.dictionary
