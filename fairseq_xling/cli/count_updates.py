"""Print how many updates a training takes: what schedules of learning rates end with.

    python -m fairseq_xling.cli.count_updates DATA --task xmixup_xnli ... --max-epoch 4

The arguments are those of ``fairseq-train``. No model is made, so it takes seconds.
"""

import logging
from typing import List, Optional

from fairseq import options
from fairseq.dataclass.utils import convert_namespace_to_omegaconf

from fairseq_xling.launching.training_length import count_updates


def main(argv: Optional[List[str]] = None) -> None:
    """Read the options of a training, and print its updates.

    Args:
        argv: those of ``fairseq-train`` (default: of the process).
    """
    args = options.parse_args_and_arch(options.get_training_parser(), argv)
    # The schedule's own length is what is to be found; without one it is refused.
    if getattr(args, "total_num_update", 1) is None:
        args.total_num_update = 1
    print(count_updates(convert_namespace_to_omegaconf(args)))


if __name__ == "__main__":
    logging.disable(logging.INFO)  # the training says it all again
    main()
