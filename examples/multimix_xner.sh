#!/usr/bin/env bash
# MultiMix on named entities: bash examples/multimix_xner.sh RAW_DIR OUT_DIR --target-lang LANG
exec bash "$(dirname "$0")/recipe.sh" multimix xner "$@"
