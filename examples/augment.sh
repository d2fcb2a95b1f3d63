#!/usr/bin/env bash
# Virtual samples of binarized data: bash examples/augment.sh DATA OUT_DIR
exec bash "$(dirname "$0")/recipe.sh" augment "$@"
