#!/usr/bin/env bash
# X-Mixup, its baselines and its ablations on TyDiQA-GoldP: bash examples/tydiqa.sh RAW_DIR OUT_DIR
exec bash "$(dirname "$0")/recipe.sh" finetune tydiqa "$@"
