#!/usr/bin/env bash
# X-Mixup, its baselines and its ablations on PAWS-X: bash examples/pawsx.sh RAW_DIR OUT_DIR
exec bash "$(dirname "$0")/recipe.sh" finetune pawsx "$@"
