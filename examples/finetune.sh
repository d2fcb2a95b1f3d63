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
  --gpus N         GPUs (default: 1); the batch stays 64 rows
  --batch-size N   rows a GPU and step (default: 16; question answering: 4)
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
    --cpu) precision=(--cpu) device=(--cpu); shift ;;
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
update_freq=$(( 64 / (batch_size * gpus) ))
if [ "$update_freq" -lt 1 ]; then update_freq=1; fi

# step COMMAND...: print a command, and run it.
step() {
  printf '%q ' "$@"; echo
  if [ -z "$dry_run" ]; then "$@"; fi
}

# updates METHOD: how many a training takes, from the rows of its training set.
updates() {
  if [ ! -e "$data/manifest.json" ]; then
    echo '(computed from the data)'
    return
  fi
  local batch=$(( batch_size * gpus * update_freq ))
  "$bin/python" - "$data/manifest.json" "$1" $batch $epochs <<'PYTHON'
import json, sys
path, method, batch, epochs = sys.argv[1:]
manifest = json.load(open(path, encoding="utf-8"))
train = manifest["splits"]["train"]
source = manifest["source_lang"]
if method in ("zero-shot", "translate-test"):
    rows = train[source]["rows"]
elif method == "supervised":
    gold = manifest["splits"].get("supervised", {})
    rows = train[source]["rows"] + sum(entry["rows"] for entry in gold.values())
else:
    rows = sum(entry["rows"] for entry in train.values())
print(-(-rows * int(epochs) // int(batch)))
PYTHON
}

# train METHOD FOLDER [more options]; the file "trained" tells that it came to its end.
train() {
  local method=$1 folder=$2 total warmup=(); shift 2
  set_options "$method"
  total=$(updates "$method")
  if [ $family = questions ]; then
    case $total in
      *[!0-9]*) warmup=(--warmup-updates "$total") ;;
      *) warmup=(--warmup-updates $(( (total + 9) / 10 ))) ;;
    esac
  fi
  # Its log is opened before fairseq makes the folder.
  if [ -z "$dry_run" ]; then mkdir -p "$folder"; fi
  step "$bin/fairseq-train" "$data" --user-dir "$here/fairseq_xling" \
    --task "xmixup_$task" --arch "$arch" --criterion xmixup \
    --finetune-from-model "$model/model.pt" "${lengths[@]}" \
    --optimizer adam --adam-betas '(0.9, 0.999)' --adam-eps 1e-8 --clip-norm 1.0 \
    --lr $lr --lr-scheduler polynomial_decay --total-num-update "$total" \
    ${warmup[@]+"${warmup[@]}"} \
    --max-epoch $epochs --batch-size "$batch_size" --update-freq "$update_freq" \
    --dropout 0.1 --attention-dropout 0.1 \
    --best-checkpoint-metric $metric --maximize-best-checkpoint-metric \
    --validate-interval-updates 1000 --save-interval-updates 1000 \
    --keep-interval-updates 1 --no-epoch-checkpoints \
    --distributed-world-size "$gpus" "${precision[@]}" --seed "$seed" \
    --log-format simple --log-interval 100 --log-file "$folder/train.log" \
    --save-dir "$folder" \
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

# Translated words have no tags of their own: a source model gives them soft ones.
pseudo_label() {
  local source_dir=$out/zero-shot-$seed
  local best=$source_dir/checkpoint_best.pt last=$source_dir/checkpoint_last.pt
  if has_soft_tags; then return; fi
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
  case $family.$method in
    tagging.zero-shot|tagging.supervised) ;;
    tagging.*) pseudo_label "$@" ;;
  esac
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
