#!/usr/bin/env bash
# The demo: made-up languages, a mini XLM-R, baselines and X-Mixup, compared.
#   make demo [DEMO=pairs|tagging|qa|multimix|all] [BACKBONE=xlmr|mbert]
#   (or: DEMO=qa bash examples/demo.sh)
# SEED is the seed of fine-tuning, DEMO_DIR the folder (demo; of mBERT demo-mbert).
# Started again, it goes on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=${XLING_BIN:-$PWD/.venv/bin}
backbone=${BACKBONE:-xlmr}
case $backbone in
  xlmr) dir=${DEMO_DIR:-demo} tokenizer=sentencepiece file=sentencepiece.bpe.model ;;
  mbert) dir=${DEMO_DIR:-demo-mbert} tokenizer=wordpiece file=tokenizer.json ;;
  *) echo "error: BACKBONE=$backbone: choose xlmr or mbert" >&2; exit 2 ;;
esac
arch=xmixup_${backbone}_mini
seed=${SEED:-2}
demo=${DEMO:-pairs}
export PYTHONWARNINGS=ignore
# OpenMP's threads would spin while they wait, on cores that others hold.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
if [ "$demo" = all ]; then
  for each in pairs tagging qa multimix; do
    echo "== $each"
    DEMO=$each bash examples/demo.sh
  done
  exit
fi
# mini: the pre-trained model's folder; text: what it is trained on; run: where
# fine-tuned models go, by family.
mini=$dir/mini-$backbone text=monolingual run=$dir/$demo
case $demo in
  pairs) task=xnli raw=xnli metric=accuracy stages=9 run=$dir ;;
  tagging) task=udpos raw=udpos metric=f1 stages=10 ;;
  qa) task=xquad raw=qa metric=score stages=9 mini=$dir/mini-$backbone-qa text=monolingual-qa ;;
  multimix) task=xnli raw=xnli stages=5 run=$dir ;;
  *) echo "error: DEMO=$demo: choose pairs, tagging, qa, multimix or all" >&2; exit 2 ;;
esac
stage=0
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

# Of the sentence pairs few have translations, and these have errors, so that there is
# room between translate-train and supervised.
languages() {
  "$bin/python" preprocess/demo_languages.py "$dir/raw" --overwrite \
    --translated-rows 60 --pair-noise 0.6
}

binarize_text() {
  "$bin/python" preprocess/monolingual.py "$dir/raw/$text" --vocabulary 1000 \
    --tokenizer $tokenizer --destdir "$mini" --overwrite
}

# train FOLDER OPTIONS...; the log is opened before fairseq makes the folder.
train() {
  local folder=$1; shift
  mkdir -p "$folder"
  "$bin/fairseq-train" "$@" --save-dir "$folder" --user-dir fairseq_xling --arch "$arch" \
    --max-positions 126 --optimizer adam --adam-betas '(0.9, 0.98)' --clip-norm 1.0 \
    --lr-scheduler polynomial_decay --batch-size 32 --num-workers 0 --cpu \
    --save-interval-updates 200 --keep-interval-updates 0 --no-epoch-checkpoints \
    --log-format simple --log-interval 20 --log-file "$folder/train.log"
}

pretrain() {
  train "$mini/checkpoints" "$mini/bin" --task masked_lm --criterion masked_lm \
    --sample-break-mode eos --tokens-per-sample 126 \
    --mask-prob 0.25 --random-token-prob 0.25 --leave-unmasked-prob 0.25 \
    --lr 1e-3 --warmup-updates 200 --total-num-update $1 --max-update $1 \
    --dropout 0 --attention-dropout 0 --disable-validation --seed 1
  cp "$mini/checkpoints/checkpoint_last.pt" "$mini/model.pt"
}

binarize() {
  "$bin/python" "preprocess/$task.py" "$dir/raw/$raw" --destdir "$run/data-bin" \
    --overwrite --tokenizer "$mini/$file" --dict "$mini/dict.txt"
}

# finetune NAME OPTIONS...
finetune() {
  local name=$1; shift
  train "$run/$name-$seed" "$run/data-bin" --task "xmixup_$task" --criterion xmixup \
    --finetune-from-model "$mini/model.pt" \
    --lr $lr --warmup-updates 60 --total-num-update $updates --max-update $updates \
    --dropout 0 --attention-dropout 0 --pooler-dropout 0 \
    --validate-interval-updates 200 \
    --best-checkpoint-metric $metric --maximize-best-checkpoint-metric \
    --seed "$seed" "$@"
}

pseudo_label() {
  "$bin/xling-pseudo-label" "$run/data-bin" --cpu --overwrite \
    --path "$run/zero-shot-$seed/checkpoint_best.pt"
}

evaluate() {
  local best=checkpoint_best.pt
  "$bin/xling-evaluate" "$run/data-bin" --path "$run/zero-shot-$seed/$best" \
    --compare "$run"/{translate-train,x-mixup,supervised}-"$seed/$best" \
    --names zero-shot translate-train x-mixup supervised \
    --predict target target "$predict" target --results-path "$run/results-$seed" --cpu
}

# MultiMix in a far language of which there is text alone (multimix_xnli).
multimix() {
  OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} "$bin/xling-multimix" "$run/data-bin" \
    --task multimix_xnli --target-lang "$far" --target-split supervised \
    --pretrained "$mini/model.pt" --arch "$arch" --seed "$seed" --jobs 2 --cpu \
    --train-options '--max-positions 126 --batch-size 32 --update-freq 1 --num-workers 0
      --dropout 0 --attention-dropout 0 --pooler-dropout 0' \
    --warmup-options "--lr $lr --max-update $updates --warmup-updates 60" \
    --adaptation-options "--lr 1e-4 --max-update 150" \
    --results-path "$dir/multimix-$seed"
}

updates=400 lr=3e-4 predict=target pretraining=1000
# The pairs' marks have no prefix, and the tagging demo shares their pre-trained model.
mark=$demo- text_mark=
case $demo in
  pairs) mark= predict=mean ;;
  multimix) mark= demo=pairs far=qac ;;
  qa) updates=700 lr=1e-3 pretraining=1300 text_mark=qa- ;;
esac
stage "making languages" languages languages
stage "training a tokenizer, binarizing text" "${text_mark}text" binarize_text
stage "pre-training a mini model" "${text_mark}pretrain" pretrain $pretraining
stage "binarizing the task's data" "${mark}${demo}" binarize
if [ -n "${far-}" ]; then
  stage "MultiMix: warm-up, generation, three epochs" "multimix-$seed" multimix
  echo
  cat "$dir/multimix-$seed/report.md"
  exit
fi
stage "fine-tuning: zero-shot" "${mark}zero-shot-$seed" finetune zero-shot \
  --training-set source --best-checkpoint-metric ${metric}_en
if [ "$demo" = tagging ]; then
  stage "pseudo-labels of the source model" "${mark}pseudo-label-$seed" pseudo_label
fi
stage "fine-tuning: translate-train" "${mark}translate-train-$seed" \
  finetune translate-train --training-set concatenated
stage "fine-tuning: X-Mixup" "${mark}x-mixup-$seed" finetune x-mixup \
  --scheduled-sampling-midpoint 0.5
stage "fine-tuning: supervised (upper bound)" "${mark}supervised-$seed" \
  finetune supervised --training-set concatenated --train-subset supervised
stage "evaluating" "${mark}results-$seed" evaluate
echo
cat "$run/results-$seed/results.txt"
echo
echo "More of it: $run/results-$seed (results.md, results.json, scores.png, predictions/)"
