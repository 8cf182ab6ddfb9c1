#!/usr/bin/env bash
# What an app on a phone asks the API, with curl, and what it is answered.
#   examples/mobile.sh [URL [PHOTO ...]]
# URL is http://127.0.0.1:8000 unless given. PHOTO ...: 1 to 5 photos of one fruit; three are drawn if there is none.
# Ends with 1 when an answer has another status than it should. PYTHON: .venv/bin/python, to shorten answers and to draw.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

url=${1:-http://127.0.0.1:8000}
url=${url%/}
photos=()
for photo in "${@:2}"; do
  photos+=("$(realpath -- "$photo")")
done
python=${PYTHON:-$root/.venv/bin/python}
export PYTHONPATH=$root

for program in curl "$python"; do
  if [ ! -x "$(command -v "$program")" ]; then
    echo "$program is missing. This demonstration needs curl, and 'make setup-demo' for Python." >&2
    exit 1
  fi
done

python=$(realpath --no-symlinks -- "$(command -v "$python")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

step() { printf '\n##### %s\n' "$*"; }

# ask STATUS "PART ..." ARGUMENT ...: shows the command, asks, shows these parts of the answer, and checks its status.
ask() {
  local wanted=$1 parts=$2 argument status
  shift 2
  printf '$ curl'
  for argument in "$@"; do
    case $argument in
      *[\ \?\;\&]*) printf " '%s'" "$argument" ;;
      *) printf ' %s' "$argument" ;;
    esac
  done
  printf '\n'
  status=$(curl --silent --show-error --noproxy '*' --max-time 60 --compressed \
    --output answer.json --write-out '%{http_code}' "$@")
  # shellcheck disable=SC2086 # the parts are several words
  "$python" -m examples.shortened $parts <answer.json
  if [ "$status" != "$wanted" ]; then
    echo "Expected HTTP $wanted, got $status." >&2
    exit 1
  fi
}

if [ ${#photos[@]} -eq 0 ]; then
  "$python" - <<'DRAW'
from pathlib import Path

from batch.synthetic import render

for number in (1, 2, 3):
    Path(f"lime-{number}.jpg").write_bytes(render("lime", number, seed=2, kind="asked"))
DRAW
  photos=(lime-{1,2,3}.jpg)
  echo "No photo given: three limes are drawn, and a drawing is seldom known. Give photographs for real answers."
fi
forms=()
for photo in "${photos[@]}"; do
  forms+=(-F "photo=@$photo")
done

step "1. Which fruit is this?"
ask 200 "is_fruit answer results:name,score,info photos timing_ms" "${forms[@]:0:2}" "$url/identify?top=3"

step "2. Several photos of the same fruit, one answer (here ${#photos[@]})"
ask 200 "is_fruit answer results:name,score,info" "${forms[@]}" "$url/identify?top=3"

step "3. In French, as the phone's settings say"
ask 200 "answer fruit:name,description.text,ripening.text,season.months" \
  -H "Accept-Language: fr-FR, fr;q=0.9, en;q=0.5" "${forms[@]:0:2}" "$url/identify?top=1"

step "4. What is known about its best guess"
info=$("$python" -c 'import json; print(json.load(open("answer.json"))["results"][0]["info"])')
ask 200 "name scientific_name season:months,source storage:text cautions:text" "$url$info?lang=en"

step "5. A mistake: words instead of a photo"
printf 'not a photo' >words.txt
ask 415 "" -F "photo=@words.txt" "$url/identify"
