#!/usr/bin/env bash
# Fine-tune and evaluate on one of XTREME's tasks, one method or baseline at a time.
# Called by xnli.sh and its like; hyper-parameters are those of X-Mixup's appendix C.1.
# What the tasks set themselves (mixup layer, alpha, decay) is not repeated here.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: bash examples/TASK.sh RAW_DIR OUT_DIR [options] [-- more fairseq-train options]
  TASK             xnli, pawsx, udpos, panx, xquad, mlqa or tydiqa
  --model DIR      folder with model.pt, dict.txt, sentencepiece.bpe.model (of mBERT
                   tokenizer.json) (default: xlmr.large)
  --arch NAME      xmixup_xlmr_mini, _base or _large, xmixup_mbert_mini or _base
                   (default: xmixup_xlmr_large)
  --method NAME    xmixup (default), a baseline:
                     zero-shot, translate-test, translate-train, supervised
                   or an ablation of the paper's Tables 5 and 9:
                     no-mixup, no-mixup-inference, no-scheduled-sampling, constant-ratio,
                     no-mse, no-kl, no-consistency
                   (translate-test, no-kl and no-consistency: sentence pairs only)
  --gpus N         GPUs, up to 64 (default: 1); an update stays 64 rows, or the nearest
                   below that they can share evenly
  --batch-size N   rows a GPU and step at most (default: 16; question answering: 4)
  --seed N         (default: 1)
  --split NAME     what is evaluated: test (default) or valid
  --run NAME       folder of the run in OUT_DIR (default: METHOD-SEED)
  --stage NAME     only prepare (data, and pseudo-labels for tagging), or only finetune
  --cpu            run on the CPU, in fp32
  --dry-run        print the commands instead of running them
TEXT
}

fail() {
  echo "error: $1" >&2
  exit 2
}

if [ $# -lt 3 ]; then usage >&2; exit 2; fi
task=$1 raw=$2 out=$3; shift 3
# Settings of the families: what is logged and selected on, lengths, and training.
epochs=4 lr=5e-6 batch_size=16 raw_options=()
case $task in
  xnli|pawsx)
    family=pairs metric=accuracy lengths=(--max-positions 128 --truncate-sequence) ;;
  udpos|panx)
    family=tagging metric=f1 lengths=(--max-positions 128) ;;
  xquad|mlqa|tydiqa)
    family=questions metric=score lengths=(--max-positions 384 --doc-stride 128)
    epochs=2 batch_size=4
    # It has no dev set: a tenth of the training questions becomes one.
    if [ "$task" = tydiqa ]; then epochs=4 lr=3e-5 raw_options=(--held-out 0.1); fi ;;
  *) fail "unknown task $task; give xnli, pawsx, udpos, panx, xquad, mlqa or tydiqa" ;;
esac

model=xlmr.large arch=xmixup_xlmr_large method=xmixup gpus=1 seed=1
split=test run='' stage=all precision=(--fp16) device=() dry_run=
while [ $# -gt 0 ]; do
  case $1 in
    --model|--arch|--method|--gpus|--batch-size|--seed|--split|--run|--stage)
      if [ $# -lt 2 ]; then fail "$1: give a value"; fi
      option=${1#--}
      printf -v "${option//-/_}" '%s' "$2"; shift 2 ;;
    --cpu)
      precision=(--cpu) device=(--cpu)
      # OpenMP's threads would spin while they wait, on cores that others hold.
      export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}; shift ;;
    --dry-run) dry_run=yes; shift ;;
    --) shift; break ;;
    *) echo "error: unknown option $1" >&2; usage >&2; exit 2 ;;
  esac
done
for number in "gpus $gpus" "batch-size $batch_size"; do
  if ! [[ $number =~ ^[a-z-]+\ [1-9][0-9]*$ ]]; then fail "--$number: give a whole number from 1"; fi
done
case $split in test|valid) ;; *) fail "--split $split: give test or valid" ;; esac
case $stage in
  all|prepare|finetune) ;;
  *) fail "--stage $stage: give prepare or finetune" ;;
esac

# set_options METHOD: the options that make a method, and the stream it predicts from.
set_options() {
  predict=mean
  case $1 in
    xmixup)                options=() ;;
    no-mixup)              options=(--mixup-layer 0) ;;
    no-mixup-inference)    options=(--no-mixup-inference) ;;
    no-scheduled-sampling) options=(--scheduled-sampling-decay 0) ;;
    constant-ratio)        options=(--mixup-ratio constant) ;;
    no-mse)                options=(--representation-loss-weight 0) ;;
    no-kl)                 options=(--prediction-loss-weight 0) ;;
    no-consistency)
      options=(--representation-loss-weight 0 --prediction-loss-weight 0) ;;
    zero-shot|translate-test)
      options=(--training-set source --best-checkpoint-metric "${metric}_en") predict=target ;;
    translate-train)       options=(--training-set concatenated) predict=target ;;
    supervised)
      options=(--training-set concatenated --train-subset supervised) predict=target ;;
    *) echo "error: unknown method $1" >&2; usage >&2; exit 2 ;;
  esac
  if [ "$1" = translate-test ]; then predict=source; fi
  case $family.$1 in
    pairs.*) ;;
    *.no-kl|*.no-consistency)
      fail "--method $1: $task has no KL loss; without its consistency loss is no-mse" ;;
    *.translate-test)
      fail "--method $1: $task predicts from the target stream only, not from translations" ;;
  esac
}

# The model may be named by its file, too.
pretrained=$model/model.pt
if [ -f "$model" ]; then pretrained=$model model=$(dirname "$model"); fi
set_options "$method"
# The zero-shot model is the translate-test model, too: trained once.
run_dir=$out/${run:-${method/translate-test/zero-shot}-$seed}
if [ -n "$run" ]; then
  results=$run_dir/results-$split
else
  results=$out/results/$method-$seed
  if [ "$split" != test ]; then results=$results-$split; fi
fi
data=$out/data-bin
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=${XLING_BIN:-$here/.venv/bin}

# 64 rows an update: of all ways to share them out, the one that comes nearest from below
# and, among equals, takes the fewest steps.
if [ "$gpus" -gt 64 ]; then fail "--gpus $gpus: an update has 64 rows, so give 64 at most"; fi
rows=0 batch=1
for ((each = batch_size < 64 ? batch_size : 64; each > 0; each--)); do
  steps=$(( 64 / (each * gpus) ))
  if [ $(( each * gpus * steps )) -gt $rows ]; then
    rows=$(( each * gpus * steps )) batch=$each update_freq=$steps
  fi
done
if [ $rows != 64 ]; then
  echo "note: $rows rows an update, as $gpus GPUs cannot share 64 evenly" >&2
fi

# step COMMAND...: print a command, and run it.
step() {
  printf '%q ' "$@"; echo
  if [ -z "$dry_run" ]; then "$@"; fi
}

# updates OPTIONS...: how many a training with these options takes. What is not there yet
# cannot be counted, which only a dry run comes to.
updates() {
  if [ ! -e "$data/manifest.json" ] || { [ -n "$dry_run" ] && needs_soft_tags "$method"; }; then
    echo '(computed from the data)'
    return
  fi
  PYTHONPATH=$here${PYTHONPATH:+:$PYTHONPATH} \
    "$bin/python" -m fairseq_xling.cli.count_updates "$@"
}

# share N OF: a share of a number of updates, rounded up.
share() {
  case $2 in
    *[!0-9]*) echo "$2" ;;
    *) echo $(( ($2 + $1 - 1) / $1 )) ;;
  esac
}

# train METHOD FOLDER [more options]; the file "trained" tells that it came to its end.
train() {
  local method=$1 folder=$2 total every training warmup=(); shift 2
  set_options "$method"
  training=("$data" --user-dir "$here/fairseq_xling"
    --task "xmixup_$task" --arch "$arch" --criterion xmixup
    --finetune-from-model "$pretrained" "${lengths[@]}"
    --optimizer adam --adam-betas '(0.9, 0.999)' --adam-eps 1e-8 --clip-norm 1.0
    --lr $lr --lr-scheduler polynomial_decay
    --max-epoch $epochs --batch-size "$batch" --update-freq "$update_freq"
    --dropout 0.1 --attention-dropout 0.1
    --best-checkpoint-metric $metric --maximize-best-checkpoint-metric
    --distributed-world-size "$gpus" "${precision[@]}" --seed "$seed"
    --log-format simple --log-interval 100 --log-file "$folder/train.log"
    --save-dir "$folder")
  total=$(updates "${training[@]}" ${options[@]+"${options[@]}"} "$@")
  if [ $family = questions ]; then warmup=(--warmup-updates "$(share 10 "$total")"); fi
  # Validated and saved some twenty times, whatever the length. Without gradients, eight
  # times the rows fit.
  every=$(share 20 "$total")
  # Its log is opened before fairseq makes the folder.
  if [ -z "$dry_run" ]; then mkdir -p "$folder"; fi
  step "$bin/fairseq-train" "${training[@]}" --total-num-update "$total" \
    ${warmup[@]+"${warmup[@]}"} \
    --validate-interval-updates "$every" --batch-size-valid $(( 8 * batch_size )) \
    --save-interval-updates "$every" --keep-interval-updates 0 --no-epoch-checkpoints \
    ${options[@]+"${options[@]}"} "$@"
  if [ -z "$dry_run" ]; then touch "$folder/trained"; fi
}

has_soft_tags() {
  [ -e "$data/manifest.json" ] && "$bin/python" - "$data/manifest.json" <<'PYTHON'
import json, sys
train = json.load(open(sys.argv[1], encoding="utf-8"))["splits"]["train"]
sys.exit(not any("soft_tags" in entry["streams"] for entry in train.values()))
PYTHON
}

# needs_soft_tags METHOD: whether a method still lacks the tags of translated words.
needs_soft_tags() {
  case $family.$1 in
    tagging.zero-shot|tagging.supervised) return 1 ;;
    tagging.*) ! has_soft_tags ;;
    *) return 1 ;;
  esac
}

# Translated words have no tags of their own: a source model gives them soft ones.
pseudo_label() {
  local source_dir=$out/zero-shot-$seed
  local best=$source_dir/checkpoint_best.pt last=$source_dir/checkpoint_last.pt
  # A training that was stopped half-way has a best checkpoint, too; it goes on.
  if [ ! -e "$best" ] || { [ -e "$last" ] && [ ! -e "$source_dir/trained" ]; }; then
    train zero-shot "$source_dir" "$@"
  fi
  step "$bin/xling-pseudo-label" "$data" --path "$best" "${precision[@]}"
}

tokenizer=sentencepiece.bpe.model
case $arch in xmixup_mbert*) tokenizer=tokenizer.json ;; esac
if [ $stage != finetune ]; then
  if [ ! -e "$data/manifest.json" ]; then
    step "$bin/python" "$here/preprocess/$task.py" "$raw" --destdir "$data" \
      --tokenizer "$model/$tokenizer" --dict "$model/dict.txt" \
      ${raw_options[@]+"${raw_options[@]}"}
  fi
  if needs_soft_tags "$method"; then pseudo_label "$@"; fi
elif [ -z "$dry_run" ] && [ ! -e "$data/manifest.json" ]; then
  fail "$data: not there yet; run --stage prepare first"
fi
if [ $stage = prepare ]; then exit; fi

train "$method" "$run_dir" "$@"
predicting=()
if [ $family = pairs ]; then predicting=(--predict $predict); fi
step "$bin/xling-evaluate" "$data" --path "$run_dir/checkpoint_best.pt" --split "$split" \
  ${predicting[@]+"${predicting[@]}"} ${device[@]+"${device[@]}"} \
  --names "$method" --results-path "$results"
