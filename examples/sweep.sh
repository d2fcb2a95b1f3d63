#!/usr/bin/env bash
# The search for hyper-parameters: bash examples/sweep.sh TASK RAW_DIR OUT_DIR
exec bash "$(dirname "$0")/recipe.sh" sweep "$@"
