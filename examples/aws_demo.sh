#!/usr/bin/env bash
# From an empty AWS account to the first identified photo, live; docs/aws.md explains each step and what it costs.
#   ALARM_EMAIL=you@example.com examples/aws_demo.sh
# Variables: REGION (eu-west-3), STACK (fruits-demo), PHOTOS (a folder of folders of photos; drawn if unset),
# ASK (the photo to ask about; drawn if unset), MAX_COST (1.00 USD), EXECUTORS (3, of 4 cores each), MODE (serverless
# or ec2), WORK (work/aws-demo), KEEP=1 leaves the stack, YES=1 removes it without asking.
set -euo pipefail
cd "$(dirname "$0")/.."

region=${REGION:-eu-west-3}
stack=${STACK:-fruits-demo}
max_cost=${MAX_COST:-1.00}
mode=${MODE:-serverless}
executors=${EXECUTORS:-3}
work=${WORK:-work/aws-demo}
python=${PYTHON:-.venv/bin/python}
where=(--stack "$stack" --region "$region")

step() { printf '\n##### %s\n' "$*"; }

if [ ! -x "$(command -v "$python")" ]; then
  echo "$python is missing: run 'make setup-demo' first." >&2
  exit 1
fi
if [ -z "${ALARM_EMAIL:-}" ]; then
  echo "Set ALARM_EMAIL to the address that is told when costs near the budget." >&2
  exit 2
fi

say_what_stays() {
  [ $? -eq 0 ] || printf '\nStopped. What was made stays; to remove it:\n  %s -m batch emr teardown --delete-data %s\n' \
    "$python" "${where[*]}" >&2
}
trap say_what_stays EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step "1. Photos: to learn from, and one to ask about"
photos=${PHOTOS:-$work/photos}
if [ -z "${PHOTOS:-}" ]; then
  "$python" -m batch synth --out "$photos" --photos 40 --negatives 80 --seed 1
fi
ask=${ASK:-}
if [ -z "$ask" ]; then
  "$python" -m batch synth --out "$work/asked" --photos 1 --negatives 1 --seed 2 --kind asked
  ask=$(find "$work/asked/banana" -type f | head -n 1)
fi
count=$(find "$photos" -type f | wc -l)

step "2. What it will cost"
"$python" -m batch emr estimate --photos "$count" --mode "$mode" --executors "$executors" "${where[@]}"

step "3. The stack"
outputs=$("$python" -m batch emr deploy --alarm-email "$ALARM_EMAIL" "${where[@]}")
echo "$outputs"
corpus=$(awk '$1 == "corpus" {print $2}' <<<"$outputs")
store=$(awk '$1 == "bundles" {print $2}' <<<"$outputs")

step "4. The photos go up"
"$python" -m examples.aws_steps upload "$photos" "$corpus" --region "$region"

step "5. The build, on AWS"
"$python" -m batch emr submit --max-cost "$max_cost" --mode "$mode" --executors "$executors" "${where[@]}"

step "6. One photo is asked about, of an API here that serves the bundle on S3"
"$python" -m examples.aws_steps ask "$store" "$ask" --region "$region"

step "7. The end"
if [ -n "${KEEP:-}" ]; then
  echo "The stack stays. To remove it: $python -m batch emr teardown --delete-data ${where[*]}"
elif [ -n "${YES:-}" ]; then
  "$python" -m batch emr teardown --delete-data --yes "${where[@]}"
else
  "$python" -m batch emr teardown --delete-data "${where[@]}"
fi
