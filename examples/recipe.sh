#!/usr/bin/env bash
# A recipe of recipes/, by the Python in the folder that XLING_BIN names, or of .venv.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec "${XLING_BIN:-$here/../.venv/bin}/python" "$here/recipe.py" "$@"
