#!/usr/bin/env bash
# Installs what package-lock.json of the TypeScript client names, if it is not there. Fails where there is no npm.
set -euo pipefail
cd "$(dirname "$0")/../../clients/typescript"
command -v npm >/dev/null || { echo "The TypeScript client takes Node 20 or newer with npm." >&2; exit 1; }
installed=node_modules/.package-lock.json
if [ ! -f "$installed" ] || [ package-lock.json -nt "$installed" ]; then
    npm ci --ignore-scripts --silent
    touch "$installed"
fi
