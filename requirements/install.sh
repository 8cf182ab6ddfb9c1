#!/usr/bin/env bash
# Sets up .venv for `make`: finds a Python, creates the environment, installs one of the pinned sets into it.
# A set that is already there, at these very pins, costs nothing. Nothing outside .venv is changed.
# Usage: requirements/install.sh demo|all
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv
case "${1:-}" in
  demo) files=(requirements/api.txt requirements/batch.txt) ;;
  all) files=(requirements.txt requirements/test.txt) ;;
  *) echo "usage: requirements/install.sh demo|all" >&2; exit 2 ;;
esac

say() { printf '==> %s\n' "$*"; }

find_python() {
  local name in_range=""
  for name in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
    "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || continue
    in_range=$name
    if "$name" -c 'import ensurepip, venv' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  if [ -n "$in_range" ]; then
    echo "$in_range has no venv and ensurepip. On Debian and Ubuntu: apt-get install $(package_of "$in_range")-venv" >&2
  else
    echo "Python 3.11, 3.12 or 3.13 is needed and none is on PATH (found: $(python3 -V 2>/dev/null || echo no python3))." >&2
    echo "On Debian 12: apt-get install python3 python3-venv. Or name one: make setup PYTHON=/path/to/python3.12" >&2
  fi
  return 1
}

package_of() { "$1" -c 'import sys; print("python%d.%d" % sys.version_info[:2])'; }

check_machine() {
  if [ "$(uname -s)-$(uname -m)" != Linux-x86_64 ]; then
    echo "Linux on x86-64 is needed: several pinned packages have no build for $(uname -s) on $(uname -m)." >&2
    exit 1
  fi
}

create_venv() {
  "$venv/bin/python" -m pip --version >/dev/null 2>&1 && return
  local python
  python=$(find_python)
  say "Creating $venv with $python ($("$python" -V))"
  "$python" -m venv --clear "$venv"
}

# The stamp's name is a hash of every pin and of the Python, so that a changed pin asks for a new install.
stamp_of() {
  local pins
  pins=$(cat requirements.txt requirements/*.txt; readlink -f "$venv/bin/python")
  echo "$venv/.installed-$1-$(printf '%s' "$pins" | sha256sum | cut -c1-16)"
}

unset PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX PIP_USER
if [ -x "$venv/bin/python" ] && { [ -f "$(stamp_of "$1")" ] || [ -f "$(stamp_of all)" ]; }; then
  exit 0
fi
check_machine
create_venv
say "Installing ${files[*]} into $venv (once; the pinned packages come from pip's package index)"
# One package comes as source: what builds it is pinned as well (two names, for pip before and from 25.3).
export PIP_CONSTRAINT=requirements/constraints.txt PIP_BUILD_CONSTRAINT=requirements/constraints.txt
"$venv/bin/python" -m pip install --no-user --disable-pip-version-check --use-pep517 "${files[@]/#/--requirement=}"
rm -f "$venv"/.installed-"$1"-*
touch "$(stamp_of "$1")"
say "Ready: $("$venv/bin/python" -V) in $venv"
