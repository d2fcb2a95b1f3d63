"""Masked language modelling's masks, drawn from a generator of one's own."""

from typing import Tuple

import numpy as np
from fairseq.data import Dictionary

from fairseq_xling.errors import UserError
from fairseq_xling.option_values import check_number


class TokenMasker:
    """Chooses tokens to be predicted and changes them as BERT does.

    Of each sequence a share is chosen, rounded up or down at random as fairseq's
    ``MaskTokensDataset`` does. Unlike there, ``<s>`` and ``</s>`` are never chosen, and
    a random token is never ``<mask>``.

    Args:
        dictionary: with ``<mask>``.
        mask_prob: share of a sequence's tokens that is chosen.
        leave_unmasked_prob: share of the chosen tokens that stays as it is.
        random_token_prob: share of the chosen tokens that becomes a random one.

    Raises:
        UserError: a share is out of range.

    Source: Devlin et al. 2019, section 3.1.
    """

    def __init__(
        self,
        dictionary: Dictionary,
        mask_prob: float = 0.15,
        leave_unmasked_prob: float = 0.1,
        random_token_prob: float = 0.1,
    ) -> None:
        check_number("--leave-unmasked-prob", leave_unmasked_prob, high=1)
        check_number("--random-token-prob", random_token_prob, high=1)
        if not 0 < mask_prob < 1:
            raise UserError(f"--mask-prob {mask_prob}: give a share between 0 and 1")
        if leave_unmasked_prob + random_token_prob > 1:
            raise UserError(
                f"--leave-unmasked-prob {leave_unmasked_prob}, --random-token-prob "
                f"{random_token_prob}: give shares from 0 that add up to at most 1"
            )
        self.mask_prob = mask_prob
        self.leave_unmasked_prob = leave_unmasked_prob
        self.random_token_prob = random_token_prob
        self.pad, self.eos = dictionary.pad(), dictionary.eos()
        self.mask = dictionary.index("<mask>")
        self.specials = np.array([self.pad, dictionary.bos(), self.eos])
        words = np.arange(dictionary.nspecial, len(dictionary))
        self.words = words[words != self.mask]

    def __call__(
        self, tokens: np.ndarray, generator: np.random.Generator
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Mask a sequence.

        Args:
            tokens: ``(len,)``.
            generator: what is drawn from it depends on the tokens alone.

        Returns:
            the changed tokens, and the original ones where they are to be predicted,
            padding elsewhere; both ``(len,)``.
        """
        ordinary = np.flatnonzero(~np.isin(tokens, self.specials))
        count = int(self.mask_prob * len(ordinary) + generator.random())
        chosen = generator.choice(ordinary, count, replace=False)
        targets = np.full_like(tokens, self.pad)
        targets[chosen] = tokens[chosen]
        changed = tokens.copy()
        draws = generator.random(count) - self.leave_unmasked_prob
        changed[chosen[draws >= self.random_token_prob]] = self.mask
        replaced = chosen[(draws >= 0) & (draws < self.random_token_prob)]
        changed[replaced] = generator.choice(self.words, len(replaced))
        return changed, targets
