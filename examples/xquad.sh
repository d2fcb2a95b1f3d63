#!/usr/bin/env bash
# X-Mixup, its baselines and its ablations on XQuAD: bash examples/xquad.sh RAW_DIR OUT_DIR
exec bash "$(dirname "$0")/recipe.sh" finetune xquad "$@"
