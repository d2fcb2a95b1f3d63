#!/usr/bin/env bash
# The demo with several seeds: make demo-seeds [DEMO=multimix] (SEEDS="2 3 4" chooses them)
exec bash "$(dirname "$0")/recipe.sh" demo_seeds "$@"
