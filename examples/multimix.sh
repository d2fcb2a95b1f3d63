#!/usr/bin/env bash
# MultiMix from raw data: bash examples/multimix.sh TASK RAW_DIR OUT_DIR --target-lang LANG
exec bash "$(dirname "$0")/recipe.sh" multimix "$@"
