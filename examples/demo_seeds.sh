#!/usr/bin/env bash
# The demo's fine-tuning with several seeds, and a table of means and deviations.
#   make demo-seeds [DEMO=multimix]     (SEEDS="2 3 4" chooses the seeds)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
dir=${DEMO_DIR:-demo}
case ${DEMO:-pairs} in
  pairs) seeds="2 3 4" results=results file=results.json ;;
  # Each run trains three models, of this seed and the two after it.
  multimix) seeds="2 5 8" results=multimix file=report.json ;;
  *) echo "error: DEMO=$DEMO: choose pairs or multimix" >&2; exit 2 ;;
esac
paths=()
for seed in ${SEEDS:-$seeds}; do
  echo "== seed $seed"
  SEED=$seed DEMO_DIR=$dir bash examples/demo.sh
  paths+=("$dir/$results-$seed/$file")
done
"${XLING_BIN:-$PWD/.venv/bin}/python" examples/summarize_seeds.py "${paths[@]}"
