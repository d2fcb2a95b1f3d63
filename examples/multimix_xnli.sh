#!/usr/bin/env bash
# MultiMix on XNLI: bash examples/multimix_xnli.sh RAW_DIR OUT_DIR --target-lang LANG
exec bash "$(dirname "$0")/recipe.sh" multimix xnli "$@"
