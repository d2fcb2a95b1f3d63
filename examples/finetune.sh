#!/usr/bin/env bash
# Fine-tune and evaluate on one of XTREME's tasks: bash examples/finetune.sh TASK RAW_DIR OUT_DIR
exec bash "$(dirname "$0")/recipe.sh" finetune "$@"
