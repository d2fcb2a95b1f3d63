#!/usr/bin/env bash
# A mini XLM-R from a folder of text: bash examples/pretrain_mini.sh TEXT_DIR OUT_DIR
exec bash "$(dirname "$0")/recipe.sh" pretrain_mini "$@"
