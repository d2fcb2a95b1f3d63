#!/usr/bin/env bash
# The demo's fine-tuning with several seeds, and a table of means and deviations.
#   make demo-seeds      (SEEDS="2 3 4" chooses the seeds)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
dir=${DEMO_DIR:-demo}
results=()
for seed in ${SEEDS:-2 3 4}; do
  echo "== seed $seed"
  SEED=$seed DEMO_DIR=$dir bash examples/demo.sh
  results+=("$dir/results-$seed/results.json")
done
"${XLING_BIN:-$PWD/.venv/bin}/python" examples/summarize_seeds.py "${results[@]}"
