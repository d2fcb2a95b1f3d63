#!/usr/bin/env bash
# X-Mixup, its baselines and its ablations on PAN-X: bash examples/panx.sh RAW_DIR OUT_DIR
exec bash "$(dirname "$0")/recipe.sh" finetune panx "$@"
