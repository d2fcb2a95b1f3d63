#!/usr/bin/env bash
# MultiMix (Algorithm 1) from raw data: binarize, then xling-multimix, which knows the
# hyper-parameters of the paper's Table 7. Called by multimix_xnli.sh, multimix_xner.sh.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: bash examples/multimix_TASK.sh RAW_DIR OUT_DIR --target-lang LANG [options]
           [-- more xling-multimix options]
  TASK              xnli or xner
  RAW_DIR           raw folder of preprocess/xnli.py or preprocess/panx.py
  OUT_DIR           gets data-bin/ and multimix-LANG-SEED/ (with the percentage in its
                    name where that is not the default)
  --target-lang L   language without labels
  --model DIR       folder with model.pt, dict.txt, sentencepiece.bpe.model (of mBERT
                    tokenizer.json) (default: xlmr.large); it is fine-tuned, and it
                    generates, unless --lm-path and --lm-data name another behind --
  --arch NAME       xmixup_xlmr_mini, _base or _large, xmixup_mbert_mini or _base
                    (default: xmixup_xlmr_large)
  --labels LIST     tags of xner, a comma list (default: PAN-X's)
  --map-label A=B   read a type of xner as another, such as DATE=O
  --jobs N          commands side by side, each on a GPU of its own (default: 1)
  --seed N          of the first of the three models (default: 1)
  --train-percentage P
                    of xnli 5 (default: the paper's XNLI-5%, with another share of the
                    target for each model) or 100 (XNLI-100%); of xner 100 (default)
  --precision NAME  fp32 (default: the paper's), bf16 or fp16, which are faster
  --cpu             run on the CPU
  --dry-run         print the commands instead of running them
TEXT
}

fail() { echo "error: $1" >&2; exit 2; }

if [ $# -lt 3 ] || [ "${2#--}" != "$2" ] || [ "${3#--}" != "$3" ]; then usage >&2; exit 2; fi
task=$1 raw=$2 out=$3; shift 3
case $task in
  xnli) script=xnli usual=5 ;;
  xner) script=panx usual=100 ;;
  *) fail "unknown task $task; give xnli or xner" ;;
esac
target_lang='' train_percentage=$usual model=xlmr.large arch=xmixup_xlmr_large jobs=1 seed=1
precision=fp32 dry_run= raw_options=() options=()
while [ $# -gt 0 ]; do
  case $1 in
    --target-lang|--model|--arch|--jobs|--seed|--precision|--train-percentage|\
    --labels|--map-label)
      if [ $# -lt 2 ]; then fail "$1: give a value"; fi ;;
  esac
  case $1 in
    --labels|--map-label)
      [ $script = panx ] || fail "$1: for xner only"
      raw_options+=("$1" "$2"); shift 2 ;;
    --target-lang|--model|--arch|--jobs|--seed|--precision|--train-percentage)
      option=${1#--}
      printf -v "${option//-/_}" '%s' "$2"; shift 2 ;;
    --cpu)
      options+=(--cpu)
      # OpenMP's threads would spin while they wait, on cores that others hold.
      export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}; shift ;;
    --dry-run) dry_run=yes; shift ;;
    --) shift; break ;;
    *) echo "error: unknown option $1" >&2; usage >&2; exit 2 ;;
  esac
done
[ -n "$target_lang" ] || fail "--target-lang: give the language without labels"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=${XLING_BIN:-$here/.venv/bin}
# The model may be named by its file, too.
pretrained=$model/model.pt
if [ -f "$model" ]; then pretrained=$model model=$(dirname "$model"); fi
data=$out/data-bin tokenizer=sentencepiece.bpe.model
case $arch in xmixup_mbert*) tokenizer=tokenizer.json ;; esac

# step COMMAND...: print a command, and run it.
step() {
  printf '%q ' "$@"; echo
  if [ -z "$dry_run" ]; then "$@"; fi
}

if [ ! -e "$data/manifest.json" ]; then
  step "$bin/python" "$here/preprocess/$script.py" "$raw" --destdir "$data" \
    --tokenizer "$model/$tokenizer" --dict "$model/dict.txt" \
    ${raw_options[@]+"${raw_options[@]}"}
fi
folder=$out/multimix-$target_lang-$seed
# Both settings of XNLI may stand side by side.
if [ "$train_percentage" != "$usual" ]; then folder=$folder-$train_percentage; fi
step "$bin/xling-multimix" "$data" --task "multimix_$task" --target-lang "$target_lang" \
  --pretrained "$pretrained" --arch "$arch" --jobs "$jobs" --seed "$seed" \
  --precision "$precision" --train-percentage "$train_percentage" \
  ${options[@]+"${options[@]}"} --results-path "$folder" "$@"
