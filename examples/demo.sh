#!/usr/bin/env bash
# The demo: make demo [DEMO=pairs|tagging|qa|multimix|all] [BACKBONE=xlmr|mbert]
exec bash "$(dirname "$0")/recipe.sh" demo "$@"
