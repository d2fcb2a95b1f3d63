#!/usr/bin/env bash
# Virtual samples around those of binarized data (MultiMix section 3.2 and Table 7).
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: bash examples/augment.sh DATA OUT_DIR [options] [-- more fairseq-generate options]
  DATA             folder written by preprocess/*.py: sentence pairs or tagged sentences
  OUT_DIR          folder of the virtual samples, in the same layout
  --model NAME     masked language model: a folder with model.pt, or xlmr.base, xlmr.large,
                   which fairseq downloads (default: xlmr.large)
  --split NAME     (default: train)
  --gpus N         processes, one on each GPU, of those that CUDA_VISIBLE_DEVICES names
                   where it is set; their shards are joined (default: 1)
  --max-tokens N   tokens of a batch (default: 12000; with --cpu 2048)
  --seed N         (default: 1)
  --precision NAME fp32 (default: the paper's), bf16 or fp16, which are faster
  --cpu            run on the CPU
  --dry-run        print the commands instead of running them
TEXT
}

fail() { echo "error: $1" >&2; exit 2; }

if [ $# -lt 2 ] || [ "${1#--}" != "$1" ]; then usage >&2; exit 2; fi
data=$1 out=$2; shift 2
model=xlmr.large split=train gpus=1 max_tokens='' seed=1 precision=fp32 device=()
default=12000 dry_run=
while [ $# -gt 0 ]; do
  case $1 in
    --model|--split|--gpus|--max-tokens|--seed|--precision)
      if [ $# -lt 2 ]; then fail "$1: give a value"; fi
      option=${1#--}
      printf -v "${option//-/_}" '%s' "$2"; shift 2 ;;
    --cpu)
      device=(--cpu) default=2048
      # OpenMP's threads would spin while they wait, on cores that others hold.
      export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}; shift ;;
    --dry-run) dry_run=yes; shift ;;
    --) shift; break ;;
    *) echo "error: unknown option $1" >&2; usage >&2; exit 2 ;;
  esac
done
[[ $gpus =~ ^[1-9][0-9]*$ ]] || fail "--gpus $gpus: give a whole number from 1"
half=()
case $precision in
  fp32) ;;
  bf16|fp16) half=("--$precision") ;;
  *) fail "--precision $precision: give fp32, bf16 or fp16" ;;
esac
# The GPUs of several processes, in turn: those that are visible.
visible=()
if [ "$gpus" -gt 1 ] && [ ${#device[@]} = 0 ]; then
  for ((rank = 0; rank < gpus; rank++)); do visible+=($rank); done
  if [ -n "${CUDA_VISIBLE_DEVICES+set}" ]; then
    IFS=', ' read -ra visible <<< "$CUDA_VISIBLE_DEVICES"
  fi
  [ ${#visible[@]} -ge "$gpus" ] ||
    fail "--gpus $gpus: CUDA_VISIBLE_DEVICES=$CUDA_VISIBLE_DEVICES has fewer"
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=${XLING_BIN:-$here/.venv/bin}

# step COMMAND...: print a command, and run it. The line is written at once, since
# several processes print theirs at the same time.
step() {
  local line
  printf -v line '%q ' "$@"
  printf '%s\n' "$line"
  if [ -z "$dry_run" ]; then "$@"; fi
}

# generate FOLDER [more options]: on the GPU that "gpu" names, where it does.
generate() {
  local folder=$1; shift
  step ${gpu:+env "CUDA_VISIBLE_DEVICES=$gpu"} "$bin/fairseq-generate" "$data" --user-dir "$here/fairseq_xling" \
    --task multimix_augment --path "$path" --gen-subset "$split" \
    --aug-percentage 30 --max-tokens "${max_tokens:-$default}" --seed "$seed" \
    ${device[@]+"${device[@]}"} ${half[@]+"${half[@]}"} --results-path "$folder" "$@"
}

path=$model/model.pt
if [ -f "$model" ]; then
  path=$model
elif [ ! -d "$model" ] && [ -z "$dry_run" ]; then
  # One of fairseq's names; anything else is refused by name.
  path=$("$bin/python" - "$model" <<'PYTHON'
import sys
import fairseq_xling
from fairseq.models.roberta import XLMRModel
from fairseq_xling.models.loading import model_folder
print(model_folder(XLMRModel, sys.argv[1]) / "model.pt")
PYTHON
  )
fi
gpu=
if [ "$gpus" = 1 ]; then
  generate "$out" "$@"
  exit
fi
if [ -z "$dry_run" ] && [ -e "$out/manifest.json" ]; then echo "$out: done before"; exit; fi
shards=() pids=()
for ((rank = 0; rank < gpus; rank++)); do
  shards+=("$out.shard-$rank") gpu=${visible[rank]-}
  generate "$out.shard-$rank" \
    --distributed-world-size "$gpus" --distributed-rank "$rank" "$@" &
  pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || fail "a shard failed; run it again to go on"; done
step "$bin/xling-join-shards" "${shards[@]}" --destdir "$out"
