"""Print how many updates a training takes: what schedules of learning rates end with.

    python -m fairseq_xling.cli.count_updates DATA --task xmixup_xnli ... --max-epoch 4

The arguments are those of ``fairseq-train``. No model is made, so it takes seconds.
"""

import logging

from fairseq_xling.launching.training_length import updates_of_command

if __name__ == "__main__":
    logging.disable(logging.INFO)  # the training says it all again
    print(updates_of_command(None))
