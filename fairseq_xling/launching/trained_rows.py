"""Training of the embeddings that the data have, in fairseq's trainer."""

from typing import Any, Callable

from fairseq.trainer import Trainer

from fairseq_xling.compat import wrap_once
from fairseq_xling.errors import UserError
from fairseq_xling.models.trained_rows import row_embeddings
from fairseq_xling.optim.whole_states import WholeStates, find_rows

# Those to which a row without gradient, weight decay or history is as good as absent.
EXACT = ("adam", "adamw_fused")


def guard_row_states() -> None:
    """Let checkpoints have the whole matrix's states, whichever rows are trained."""
    wrap_once(Trainer, "_build_optimizer", build_optimizer)


def build_optimizer(build: Callable[..., None], trainer: Any) -> None:
    """In place of the trainer's own."""
    build(trainer)
    for embedding in row_embeddings(trainer._model):
        optimizer = trainer._optimizer
        if not optimizer.supports_flat_params:
            raise UserError(
                f"--train-embeddings seen: --optimizer {trainer.cfg.optimizer._name} "
                "looks at whole matrices; give all, or --optimizer adamw_fused"
            )
        place, start = find_rows(optimizer, embedding.rows)
        shape, vocabulary = embedding.rows.shape, embedding.num_embeddings
        states = WholeStates(embedding.ids, vocabulary, shape, place, start)
        optimizer.optimizer.register_state_dict_post_hook(states.fill)
        optimizer.optimizer.register_load_state_dict_pre_hook(states.pick)


def choose_rows(cfg: Any) -> None:
    """Set ``--train-embeddings`` where it is not given: seen, if that is as good.

    Args:
        cfg: options of a training.
    """
    task = cfg.task
    if "train_embeddings" not in task.keys() or task.train_embeddings is not None:
        return
    optimizer = cfg.optimizer
    is_exact = optimizer._name in EXACT and optimizer.weight_decay == 0
    task.train_embeddings = "seen" if is_exact else "all"
