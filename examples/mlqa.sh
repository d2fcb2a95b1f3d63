#!/usr/bin/env bash
# X-Mixup, its baselines and its ablations on MLQA: bash examples/mlqa.sh RAW_DIR OUT_DIR
exec bash "$(dirname "$0")/recipe.sh" finetune mlqa "$@"
