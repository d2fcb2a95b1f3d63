#!/usr/bin/env bash
# The demo: made-up languages, a mini XLM-R, baselines and X-Mixup, compared.
#   make demo        (or: bash examples/demo.sh)
# SEED is the seed of fine-tuning, DEMO_DIR the folder. Started again, it goes on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=${XLING_BIN:-$PWD/.venv/bin}
dir=${DEMO_DIR:-demo}
seed=${SEED:-2}
export PYTHONWARNINGS=ignore
stages=9 stage=0
mkdir -p "$dir/logs"

# stage NAME MARK COMMAND...: run a command unless its mark is there. What it prints goes
# to a log; on a terminal, the number of updates is shown as it grows.
stage() {
  local name=$1 mark=$dir/logs/$2.done log=$dir/logs/$2.log pid; shift 2
  stage=$((stage + 1))
  if [ -e "$mark" ]; then echo "[$stage/$stages] $name: done before"; return; fi
  echo "[$stage/$stages] $name"
  "$@" > "$log" 2>&1 & pid=$!
  trap 'kill $pid 2>/dev/null; echo; echo "stopped; run it again to go on"; exit 130' INT TERM
  while kill -0 $pid 2>/dev/null; do
    sleep 1
    if [ -t 1 ]; then
      printf '\r\033[K      %d s in all %s' $SECONDS \
        "$(grep -o 'num_updates[ =][0-9]*' "$log" | tail -n 1 || true)"
    fi
  done
  if [ -t 1 ]; then printf '\r\033[K'; fi
  if ! wait $pid; then
    tail -n 5 "$log" >&2
    echo "error: '$name' failed, see $log; run it again to go on" >&2
    exit 1
  fi
  touch "$mark"
  echo "      $SECONDS s in all"
}

languages() {
  rm -rf "$dir/raw"
  "$bin/python" preprocess/demo_languages.py "$dir/raw"
}

text() {
  rm -rf "$dir/mini-xlmr"
  "$bin/python" preprocess/monolingual.py "$dir/raw/monolingual" --vocabulary 1000 \
    --destdir "$dir/mini-xlmr"
}

train() {
  "$bin/fairseq-train" "$@" --user-dir fairseq_xling --arch xmixup_xlmr_mini \
    --max-positions 126 --optimizer adam --adam-betas '(0.9, 0.98)' --clip-norm 1.0 \
    --lr-scheduler polynomial_decay --batch-size 32 --num-workers 0 --cpu \
    --save-interval-updates 200 --keep-interval-updates 1 --no-epoch-checkpoints \
    --log-format simple --log-interval 20
}

pretrain() {
  train "$dir/mini-xlmr/bin" --task masked_lm --criterion masked_lm \
    --sample-break-mode eos --tokens-per-sample 126 \
    --mask-prob 0.25 --random-token-prob 0.25 --leave-unmasked-prob 0.25 \
    --lr 1e-3 --warmup-updates 200 --total-num-update $1 --max-update $1 \
    --dropout 0 --attention-dropout 0 --disable-validation --seed 1 \
    --save-dir "$dir/mini-xlmr/checkpoints"
  cp "$dir/mini-xlmr/checkpoints/checkpoint_last.pt" "$dir/mini-xlmr/model.pt"
}

pairs() {
  "$bin/python" preprocess/xnli.py "$dir/raw/xnli" --destdir "$dir/data-bin" --overwrite \
    --spm "$dir/mini-xlmr/sentencepiece.bpe.model" --dict "$dir/mini-xlmr/dict.txt"
}

# finetune NAME OPTIONS...
finetune() {
  local name=$1; shift
  train "$dir/data-bin" --task xmixup_xnli --criterion xmixup \
    --finetune-from-model "$dir/mini-xlmr/model.pt" \
    --lr 3e-4 --warmup-updates 60 --total-num-update $updates --max-update $updates \
    --dropout 0 --attention-dropout 0 --validate-interval-updates 200 \
    --best-checkpoint-metric accuracy --maximize-best-checkpoint-metric \
    --seed "$seed" --save-dir "$dir/$name-$seed" "$@"
}

evaluate() {
  local best=checkpoint_best.pt
  "$bin/xling-evaluate" "$dir/data-bin" --path "$dir/zero-shot-$seed/$best" \
    --compare "$dir"/{translate-train,x-mixup,supervised}-"$seed/$best" \
    --names zero-shot translate-train x-mixup supervised \
    --predict target target mean target --results-path "$dir/results-$seed" --cpu
}

updates=400
stage "making languages" languages languages
stage "training SentencePiece, binarizing text" text text
stage "pre-training a mini XLM-R" pretrain pretrain 1000
stage "binarizing sentence pairs" pairs pairs
stage "fine-tuning: zero-shot" "zero-shot-$seed" finetune zero-shot \
  --training-set source --best-checkpoint-metric accuracy_en
stage "fine-tuning: translate-train" "translate-train-$seed" finetune translate-train \
  --training-set concatenated
stage "fine-tuning: X-Mixup" "x-mixup-$seed" finetune x-mixup \
  --mixup-layer 1 --scheduled-sampling-midpoint 0.5
stage "fine-tuning: supervised (upper bound)" "supervised-$seed" finetune supervised \
  --training-set concatenated --train-subset supervised
stage "evaluating" "results-$seed" evaluate
echo
cat "$dir/results-$seed/results.txt"
echo
echo "More of it: $dir/results-$seed (results.md, results.json, accuracy.png, predictions/)"
