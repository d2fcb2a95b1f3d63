#!/usr/bin/env bash
# A mini XLM-R from a folder of text: SentencePiece, binarized data, and pre-training by
# masked language modelling, of pairs by TLM or X-Mixup. Started again, it goes on.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: bash examples/pretrain_mini.sh TEXT_DIR OUT_DIR [options]
           [-- more fairseq-train options]
  TEXT_DIR          text of each language, LANG.txt or train.LANG.txt, and translations,
                    if any, train.SRC-LANG.SRC.txt and train.SRC-LANG.LANG.txt, aligned
                    by line; valid.LANG.txt and so on, or every 100th line is held out
  OUT_DIR           gets model.pt, dict.txt and sentencepiece.bpe.model, as fairseq's
                    XLM-R has them (and text/, monolingual/, parallel/, checkpoints/)
  --vocabulary N    pieces (default: 16000, which gives 13 million parameters)
  --source-lang L   SRC of the translations (default: en)
  --tlm-kind NAME   how translations are read: concatenated (TLM, default) or mixup
  --updates N       (default: 20000)
  --max-tokens N    tokens a GPU and update (default: 16384; with --cpu 4096)
  --seed N          (default: 1)
  --gpus N          GPUs (default: 1)
  --cpu             run on the CPU, in fp32
  --dry-run         print the commands instead of running them
TEXT
}

fail() { echo "error: $1" >&2; exit 2; }

if [ $# -lt 2 ] || [ "${1#--}" != "$1" ] || [ "${2#--}" != "$2" ]; then usage >&2; exit 2; fi
text=$1 out=$2; shift 2
vocabulary=16000 source_lang=en tlm_kind=concatenated updates=20000 max_tokens='' seed=1 gpus=1
device=(--fp16) default_tokens=16384 dry_run=
while [ $# -gt 0 ]; do
  case $1 in
    --vocabulary|--source-lang|--tlm-kind|--updates|--max-tokens|--seed|--gpus)
      if [ $# -lt 2 ]; then fail "$1: give a value"; fi
      option=${1#--}
      printf -v "${option//-/_}" '%s' "$2"; shift 2 ;;
    --cpu)
      device=(--cpu) default_tokens=4096
      # OpenMP's threads would spin while they wait, on cores that others hold.
      export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}; shift ;;
    --dry-run) dry_run=yes; shift ;;
    --) shift; break ;;
    *) echo "error: unknown option $1" >&2; usage >&2; exit 2 ;;
  esac
done
max_tokens=${max_tokens:-$default_tokens}
for number in "vocabulary $vocabulary" "updates $updates" "max-tokens $max_tokens" "gpus $gpus"; do
  if ! [[ $number =~ ^[a-z-]+\ [1-9][0-9]*$ ]]; then fail "--$number: give a whole number from 1"; fi
done
case $tlm_kind in mixup|concatenated) ;; *) fail "--tlm-kind $tlm_kind: give mixup or concatenated" ;; esac
[ -d "$text" ] || fail "$text: not a folder"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=${XLING_BIN:-$here/.venv/bin}
positions=512
shape=(--encoder-layers 6 --encoder-embed-dim 320 --encoder-ffn-embed-dim 1280
  --encoder-attention-heads 5)

# step COMMAND...: print a command, and run it.
step() {
  printf '%q ' "$@"; echo
  if [ -z "$dry_run" ]; then "$@"; fi
}

# copy FROM TO: whole or not at all.
copy() {
  step cp "$1" "$2.new"
  step mv "$2.new" "$2"
}

# What is there was made of the same text in the same way, or is not gone on with.
made_of="$(cd "$text" && pwd) --source-lang $source_lang --vocabulary $vocabulary"
if [ -e "$out/made_of.txt" ] && [ "$(cat "$out/made_of.txt")" != "$made_of" ]; then
  fail "$out: made of $(cat "$out/made_of.txt"); give another OUT_DIR, or remove it"
fi
if [ -z "$dry_run" ]; then
  mkdir -p "$out"
  echo "$made_of" > "$out/made_of.txt.new"
  mv "$out/made_of.txt.new" "$out/made_of.txt"
fi

# Each of these folders is made as a whole, so one that is there is complete.
if [ ! -e "$out/text" ]; then
  step "$bin/python" "$here/preprocess/split_text.py" "$text" --destdir "$out/text" \
    --source-lang "$source_lang"
fi
if [ ! -e "$out/monolingual" ]; then
  step "$bin/python" "$here/preprocess/monolingual.py" "$out/text/monolingual" \
    --vocabulary "$vocabulary" --destdir "$out/monolingual"
fi
for name in dict.txt sentencepiece.bpe.model; do
  if [ ! -e "$out/$name" ]; then copy "$out/monolingual/$name" "$out/$name"; fi
done
data=$out/monolingual/bin
task=(--task masked_lm --criterion masked_lm --tokens-per-sample $positions)
if compgen -G "$text/train.$source_lang-*.*.txt" > /dev/null; then
  data=$out/parallel
  task=(--task xmixup_tlm --criterion xmixup_tlm --tlm-kind "$tlm_kind"
    --monolingual "$out/monolingual/bin")
  if [ ! -e "$data" ]; then
    step "$bin/python" "$here/preprocess/parallel.py" "$out/text/parallel" \
      --source-lang "$source_lang" --destdir "$data" \
      --tokenizer "$out/sentencepiece.bpe.model" --dict "$out/dict.txt"
  fi
fi

# Goes on at its last checkpoint, if it has one. Its log is opened before fairseq makes
# the folder.
if [ -z "$dry_run" ]; then mkdir -p "$out/checkpoints"; fi
every=$(( (updates + 19) / 20 ))  # validated and saved twenty times, whatever the length
step "$bin/fairseq-train" "$data" --user-dir "$here/fairseq_xling" "${task[@]}" \
  --sample-break-mode none --arch xmixup_xlmr_mini "${shape[@]}" \
  --max-positions $positions --dropout 0.1 --attention-dropout 0.1 \
  --optimizer adam --adam-betas '(0.9, 0.98)' --adam-eps 1e-6 --weight-decay 0.01 \
  --clip-norm 1.0 --lr 5e-4 --lr-scheduler polynomial_decay \
  --warmup-updates $(( (updates + 9) / 10 )) --total-num-update "$updates" \
  --max-update "$updates" --max-tokens "$max_tokens" --seed "$seed" \
  --distributed-world-size "$gpus" "${device[@]}" \
  --save-interval-updates "$every" --keep-interval-updates 0 --no-epoch-checkpoints \
  --validate-interval-updates "$every" --log-format simple --log-interval 50 \
  --log-file "$out/checkpoints/train.log" --save-dir "$out/checkpoints" "$@"
copy "$out/checkpoints/checkpoint_last.pt" "$out/model.pt"
echo "fine-tune it with: bash examples/xnli.sh RAW_DIR OUT_DIR --model $out" \
  "--arch xmixup_xlmr_mini -- ${shape[*]}"
