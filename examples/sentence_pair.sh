#!/usr/bin/env bash
# Fine-tune and evaluate on sentence pairs, one method or baseline at a time.
# Called by xnli.sh and pawsx.sh; hyper-parameters are those of X-Mixup's appendix C.1.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: bash examples/{xnli,pawsx}.sh RAW_DIR OUT_DIR [options] [-- more fairseq-train options]
  --model DIR      folder with model.pt, dict.txt, sentencepiece.bpe.model (default: xlmr.large)
  --arch NAME      xmixup_xlmr_mini, _base or _large (default: xmixup_xlmr_large)
  --method NAME    xmixup (default), a baseline:
                     zero-shot, translate-test, translate-train, supervised
                   or an ablation of the paper's Tables 5 and 9:
                     no-mixup, no-mixup-inference, no-scheduled-sampling, constant-ratio,
                     no-mse, no-kl, no-consistency
  --gpus N         GPUs (default: 1); the batch stays 64 pairs
  --batch-size N   pairs a GPU and step (default: 16)
  --seed N         (default: 1)
  --cpu            run on the CPU, in fp32
  --dry-run        print the commands instead of running them
TEXT
}

task=$1; shift
if [ $# -lt 2 ]; then usage >&2; exit 2; fi
raw=$1 out=$2; shift 2
model=xlmr.large arch=xmixup_xlmr_large method=xmixup gpus=1 batch_size=16 seed=1
precision=(--fp16) dry_run=
while [ $# -gt 0 ]; do
  case $1 in
    --model) model=$2; shift 2 ;;
    --arch) arch=$2; shift 2 ;;
    --method) method=$2; shift 2 ;;
    --gpus) gpus=$2; shift 2 ;;
    --batch-size) batch_size=$2; shift 2 ;;
    --seed) seed=$2; shift 2 ;;
    --cpu) precision=(--cpu); shift ;;
    --dry-run) dry_run=yes; shift ;;
    --) shift; break ;;
    *) echo "error: unknown option $1" >&2; usage >&2; exit 2 ;;
  esac
done

case $method in
  xmixup)                options=() ;;
  no-mixup)              options=(--mixup-layer 0) ;;
  no-mixup-inference)    options=(--no-mixup-inference) ;;
  no-scheduled-sampling) options=(--scheduled-sampling-decay 0) ;;
  constant-ratio)        options=(--mixup-ratio constant) ;;
  no-mse)                options=(--representation-loss-weight 0) ;;
  no-kl)                 options=(--prediction-loss-weight 0) ;;
  no-consistency)        options=(--representation-loss-weight 0 --prediction-loss-weight 0) ;;
  zero-shot|translate-test)
    options=(--training-set source --best-checkpoint-metric accuracy_en) ;;
  translate-train)       options=(--training-set concatenated) ;;
  supervised)            options=(--training-set concatenated --train-subset supervised) ;;
  *) echo "error: unknown method $method" >&2; usage >&2; exit 2 ;;
esac
case $method in
  translate-test) predict=source ;;
  zero-shot|translate-train|supervised) predict=target ;;
  *) predict=mean ;;
esac
# The zero-shot model is the translate-test model, too: trained once.
run_dir=$out/${method/translate-test/zero-shot}-$seed
data=$out/data-bin
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=${XLING_BIN:-$here/.venv/bin}

run() {
  printf '%q ' "$@"; echo
  if [ -z "$dry_run" ]; then "$@"; fi
}

if [ ! -e "$data/manifest.json" ]; then
  run "$bin/python" "$here/preprocess/$task.py" "$raw" --destdir "$data" \
    --spm "$model/sentencepiece.bpe.model" --dict "$model/dict.txt"
fi
update_freq=$(( 64 / (batch_size * gpus) ))
if [ "$update_freq" -lt 1 ]; then update_freq=1; fi
epochs=4
updates='(computed from the data)'
if [ -e "$data/manifest.json" ]; then
  updates=$("$bin/python" - "$data/manifest.json" "$method" $(( batch_size * gpus * update_freq )) $epochs <<'PYTHON'
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
  )
fi
run "$bin/fairseq-train" "$data" --user-dir "$here/fairseq_xling" \
  --task "xmixup_$task" --arch "$arch" --criterion xmixup \
  --finetune-from-model "$model/model.pt" \
  --max-positions 128 --truncate-sequence \
  --optimizer adam --adam-betas '(0.9, 0.999)' --adam-eps 1e-8 --clip-norm 1.0 \
  --lr 5e-6 --lr-scheduler polynomial_decay --total-num-update "$updates" \
  --max-epoch $epochs --batch-size "$batch_size" --update-freq "$update_freq" \
  --dropout 0.1 --attention-dropout 0.1 \
  --best-checkpoint-metric accuracy --maximize-best-checkpoint-metric \
  --validate-interval-updates 1000 --save-interval-updates 1000 \
  --keep-interval-updates 1 --no-epoch-checkpoints \
  --distributed-world-size "$gpus" "${precision[@]}" --seed "$seed" \
  --log-format simple --log-interval 100 --save-dir "$run_dir" \
  ${options[@]+"${options[@]}"} "$@"
run "$bin/xling-evaluate" "$data" --path "$run_dir/checkpoint_best.pt" \
  --predict $predict --names "$method" --results-path "$out/results/$method-$seed"
