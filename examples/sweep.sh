#!/usr/bin/env bash
# The hyper-parameter search of X-Mixup's section 5.1: a run for each point of a grid, all on
# one binarized data set, compared on the dev set. Started again, it goes on.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: bash examples/sweep.sh TASK RAW_DIR OUT_DIR [options] [-- more fairseq-train options]
  TASK             xnli, pawsx, udpos, panx, xquad, mlqa or tydiqa
  --alphas LIST    balances of the task losses (default: "0.2 0.4 0.6 0.8")
  --lrs LIST       learning rates (default: "3e-6 5e-6 2e-5 3e-5")
  --layers LIST    mixup layers (default: the task's own; the paper: "1 4 8 12 16 20 24")
  --name NAME      folder of the sweep in OUT_DIR (default: sweep)
  and the options of the task's recipe, such as --model, --method, --gpus, --seed, --dry-run
TEXT
}

fail() {
  echo "error: $1" >&2
  exit 2
}

if [ $# -lt 3 ]; then usage >&2; exit 2; fi
task=$1 raw=$2 out=$3; shift 3
alphas='0.2 0.4 0.6 0.8' lrs='3e-6 5e-6 2e-5 3e-5' layers=default name=sweep
recipe=() settings= dry_run=
while [ $# -gt 0 ]; do
  case $1 in
    --alphas|--lrs|--layers|--name|--gpus|--batch-size)
      if [ $# -lt 2 ]; then fail "$1: give a value"; fi
      case $1 in
        --gpus|--batch-size) recipe+=("$1" "$2") ;;
        *) printf -v "${1#--}" '%s' "$2" ;;
      esac
      shift 2 ;;
    --split|--run|--stage) fail "$1: the sweep sets it itself" ;;
    --dry-run) dry_run=yes; recipe+=("$1"); shift ;;
    --cpu) recipe+=("$1"); shift ;;
    --) shift; break ;;
    *) recipe+=("$1"); settings="$settings $1"; shift ;;
  esac
done
settings="$settings -- $*"

# check OPTION PATTERN VALUE...: a list has values, and each matches.
check() {
  local option=$1 pattern=$2 value; shift 2
  if [ $# = 0 ]; then fail "$option: give at least one value"; fi
  for value in "$@"; do
    if ! [[ $value =~ ^($pattern)$ ]]; then fail "$option $value: give numbers, with spaces"; fi
  done
}
set -f
number='[0-9]*\.?[0-9]+(e[-+]?[0-9]+)?'
# shellcheck disable=SC2086
check --alphas "$number" $alphas
# shellcheck disable=SC2086
check --lrs "$number" $lrs
# shellcheck disable=SC2086
check --layers 'default|[0-9]+(,[0-9]+)*' $layers

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=${XLING_BIN:-$here/.venv/bin}
trap 'echo "stopped; run it again to go on" >&2; exit 130' INT TERM

# finetune STAGE [options]: the task's recipe.
finetune() {
  local stage=$1; shift
  bash "$here/examples/finetune.sh" "$task" "$raw" "$out" ${recipe[@]+"${recipe[@]}"} \
    --stage "$stage" "$@"
}

# Before the points and without their options, so that all share the same pseudo-labels.
finetune prepare -- "$@"
failed=
for layer in $layers; do
  for lr in $lrs; do
    for alpha in $alphas; do
      point=lr-$lr-alpha-$alpha
      options=(--lr "$lr" --source-loss-weight "$alpha")
      if [ "$layer" != default ]; then
        point=$point-layer-$layer
        options+=(--mixup-layer "$layer")
      fi
      folder=$out/$name/$point
      json=$(printf '{"lr": "%s", "alpha": "%s", "layer": "%s", "settings": "%s"}' \
        "$lr" "$alpha" "$layer" "$(printf '%s' "$settings" | sed 's/[\\"]/\\&/g')")
      if [ -e "$folder/point.json" ] && [ "$(cat "$folder/point.json")" != "$json" ]; then
        fail "$folder: made with other settings, see its point.json; give another --name"
      fi
      if [ -e "$folder/results-valid/results.json" ]; then
        echo "$point: done before"
      else
        if [ -z "$dry_run" ]; then
          mkdir -p "$folder"
          printf '%s\n' "$json" > "$folder/point.json.new"
          mv "$folder/point.json.new" "$folder/point.json"
        fi
        status=0
        finetune finetune --split valid --run "$name/$point" -- "$@" "${options[@]}" || status=$?
        # One point may diverge; but what was killed, or used wrongly, will not get better.
        if [ $status = 2 ] || [ $status -gt 128 ]; then exit $status; fi
        if [ $status != 0 ]; then
          echo "error: $point failed; going on with the next" >&2
          failed=yes
          continue
        fi
      fi
      # Of a finished point the best checkpoint is kept, not that for going on.
      if [ -z "$dry_run" ]; then
        set +f
        rm -f "$folder"/checkpoint_last*.pt
        set -f
      fi
    done
  done
done
compare=("$bin/python" "$here/examples/best_of_sweep.py" "$out/$name")
if [ -n "$dry_run" ]; then
  printf '%q ' "${compare[@]}"; echo
else
  "${compare[@]}"
fi
if [ -n "$failed" ]; then exit 1; fi
