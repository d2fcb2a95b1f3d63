"""Scheduled sampling in a task: which source text a pair is trained with."""

from typing import Any, Dict, Optional

import numpy as np
import torch
import torch.nn.functional as F

from fairseq_xling.data.scheduled_sampling import (
    decay_for_midpoint,
    real_source_probability,
    run_length,
    uniform_draws,
)
from fairseq_xling.errors import UserError
from fairseq_xling.tasks.encoder_task import EncoderTask
from fairseq_xling.tasks.xmixup_config import XMixupTaskConfig


class SourceSamplingTask(EncoderTask):
    """A task that replaces sources by their back-translations while it is trained.

    Source: X-Mixup section 4.1, eq. 6.
    """

    cfg: XMixupTaskConfig
    train_batches: Optional[int] = None

    def get_batch_iterator(self, dataset, *args, **kwargs):
        """As fairseq's; remembers how long an epoch is, for the sampling's midpoint."""
        iterator = super().get_batch_iterator(dataset, *args, **kwargs)
        if getattr(dataset, "shuffle", False):
            self.train_batches = len(iterator)
        return iterator

    def sampling_decay(self) -> float:
        """The decay constant k of scheduled sampling; 0 where it is off.

        Raises:
            UserError: a midpoint is asked for and the run's length is not known.
        """
        if self.cfg.scheduled_sampling_midpoint is None:
            return self.cfg.scheduled_sampling_decay
        updates = run_length(
            self.cfg.max_update,
            self.cfg.max_epoch,
            self.cfg.update_freq,
            self.train_batches,
        )
        if updates is None:
            raise UserError(
                "--scheduled-sampling-midpoint needs the run's length: give "
                "--max-update or --max-epoch"
            )
        return decay_for_midpoint(self.cfg.scheduled_sampling_midpoint * updates)

    def sample_sources(self, sample: Dict[str, Any], update: int) -> Dict[str, Any]:
        """Replace sources by their back-translations as eq. 6 draws them.

        Args:
            sample: a batch of :class:`PairedDataset`.
            update: the update number.

        Returns:
            the batch with its ``source_tokens`` chosen, and their ``lengths``; in
            ``real_source_probability`` p*, and in ``source_is_real`` which source is
            the real one, bool ``(pairs,)``.

        Source: X-Mixup section 4.1, eq. 6.
        """
        decay = self.sampling_decay()
        back = sample.get("backtranslation")
        if back is None or decay == 0:
            return sample
        probability = real_source_probability(decay, update)
        real = sample["net_input"]["source_tokens"]
        rows = sample["rows"][: len(real)]
        unit = str(self.cfg.scheduled_sampling_unit)
        draws = uniform_draws(self.cfg.seed, update, rows.tolist(), unit)
        drawn = draws <= probability
        # So few bytes are copied without a wait for what a GPU is at.
        keep = torch.from_numpy(drawn).to(real.device, non_blocking=True)
        keep = keep | ~sample["has_backtranslation"]
        width = max(real.size(1), back.size(1))
        pad = self.dictionary.pad()
        real = F.pad(real, (0, width - real.size(1)), value=pad)
        back = F.pad(back, (0, width - back.size(1)), value=pad)
        chosen = torch.where(keep[:, None], real, back)
        net_input = {**sample["net_input"], "source_tokens": chosen}
        own, of_real = np.split(sample["lengths"], [-len(drawn)])
        # Where a row has no back-translation, both are the real source's.
        of_chosen = np.where(drawn, of_real, sample["backtranslation_lengths"])
        return {
            **sample,
            "net_input": net_input,
            "lengths": np.concatenate([own, of_chosen]),
            "real_source_probability": probability,
            "source_is_real": keep,
        }

    def train_step(
        self, sample, model, criterion, optimizer, update_num, ignore_grad=False
    ):
        sample = self.sample_sources(sample, update_num)
        return super().train_step(
            sample, model, criterion, optimizer, update_num, ignore_grad
        )
