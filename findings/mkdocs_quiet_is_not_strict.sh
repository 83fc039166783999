#!/usr/bin/env bash
# mkdocs 1.6.1, Python 3.11.
# One would guess: `mkdocs build --strict --quiet` says less and fails for the same: a link that leads nowhere ends it with 1.
# Seen: it ends with 0 and says nothing. Strict mode counts warnings as they are logged, and --quiet has none logged.
# Exits 1 if the two end alike.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mkdocs==1.6.1
mkdir "$folder/docs"
echo 'site_name: x' >"$folder/mkdocs.yml"
echo '[a](nowhere.md)' >"$folder/docs/index.md"
strict() {
    local ended=0
    "$folder/venv/bin/mkdocs" build --strict --config-file "$folder/mkdocs.yml" "$@" || ended=$?
    echo "$ended" >"$folder/ended"
}
strict
aloud=$(cat "$folder/ended")
strict --quiet
echo "mkdocs $("$folder/venv/bin/python" -c 'import importlib.metadata as m; print(m.version("mkdocs"))'): aloud it ends with $aloud, quietly with $(cat "$folder/ended")"
[ "$aloud" = 1 ] && [ "$(cat "$folder/ended")" = 0 ]
