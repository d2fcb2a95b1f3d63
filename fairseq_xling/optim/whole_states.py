"""What an optimizer knows of trained rows, in checkpoints for the whole matrix.

So a run can go on with other rows, or with all of them.
"""

import logging
from typing import Any, Callable, Dict, List, Optional, Tuple

import torch
from fairseq.optim import FairseqOptimizer
from torch import Tensor, nn

logger = logging.getLogger(__name__)

State = Dict[str, Any]
Change = Callable[[Tensor], Tensor]


class WholeStates:
    """Fills up the rows of an optimizer's states when they are saved, and picks them.

    Rows that were never trained have states of zeros.

    Args:
        ids: tokens of the rows, long ``(rows,)``.
        vocabulary: rows of the whole matrix.
        place: number of the optimizer's parameter that has the rows.
        start: where in it they begin, if it is all parameters as one vector.
        shape: of the parameter ``rows``.
    """

    def __init__(
        self,
        ids: Tensor,
        vocabulary: int,
        shape: Tuple[int, int],
        place: int,
        start: Optional[int],
    ) -> None:
        self.ids = ids.cpu()
        self.rows, self.whole = torch.Size(shape), torch.Size((vocabulary, shape[1]))
        self.place, self.start = place, start
        self.lost = 0

    def fill(self, optimizer: torch.optim.Optimizer, state_dict: State) -> State:
        """Hook of ``Optimizer.state_dict``."""
        states = self._replace(state_dict["state"], self.rows, self._fill)
        return {**state_dict, "state": states}

    def pick(self, optimizer: torch.optim.Optimizer, state_dict: State) -> None:
        """Hook of ``Optimizer.load_state_dict``.

        fairseq looks at the states again after torch has loaded them, so that they are
        replaced in the dictionary that it has.
        """
        states, self.lost = state_dict["state"], 0
        states.update(self._replace(states, self.whole, self._pick))
        if self.lost:
            logger.warning(
                f"{self.lost} tokens that the data do not have were trained before: "
                "their embeddings stay as they are; --train-embeddings all lets them "
                "move on"
            )

    def _replace(self, states: Dict[int, State], old: torch.Size, change: Change):
        held = states.get(self.place)
        if not held:  # before the first update
            return states
        found = {key: self._change(value, old, change) for key, value in held.items()}
        return {**states, self.place: found}

    def _change(self, value: Any, old: torch.Size, change: Change) -> Any:
        if not torch.is_tensor(value) or value.dim() == 0:
            return value
        if self.start is None:
            return change(value.cpu()) if value.shape == old else value
        value, end = value.cpu(), self.start + old.numel()
        changed = change(value[self.start : end].view(old))
        return torch.cat([value[: self.start], changed.flatten(), value[end:]])

    def _fill(self, rows: Tensor) -> Tensor:
        return rows.new_zeros(self.whole).index_copy_(0, self.ids, rows)

    def _pick(self, whole: Tensor) -> Tensor:
        rows = whole[self.ids]
        lost = int(whole.any(dim=1).sum() - rows.any(dim=1).sum())
        self.lost = max(self.lost, lost)
        return rows


def find_rows(
    optimizer: FairseqOptimizer, rows: nn.Parameter
) -> Tuple[int, Optional[int]]:
    """Which parameter of torch's optimizer has the rows, and where in it they begin.

    In half precision fairseq gives it copies in fp32, one each or one of all.
    """
    wanted: Tensor = rows
    given: Optional[List[Tensor]] = getattr(optimizer, "fp16_params", None)
    if given is not None:
        number = number_of(rows, given)
        if optimizer.has_flat_params:  # type: ignore[attr-defined]
            return 0, sum(one.numel() for one in given[:number])
        wanted = optimizer.fp32_params[number]  # type: ignore[attr-defined]
    held = [one for group in optimizer.param_groups for one in group["params"]]
    return number_of(wanted, held), None


def number_of(wanted: Tensor, tensors: List[Tensor]) -> int:
    """The place of a tensor among others, by identity."""
    (number,) = (i for i, one in enumerate(tensors) if one is wanted)
    return number
