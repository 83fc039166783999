#!/usr/bin/env bash
# Compiles the TypeScript client with its tests and examples into clients/typescript/dist, if that is older than they are.
# Several may ask at once.
set -euo pipefail
cd "$(dirname "$0")/../../clients/typescript"
exec 9>.build-lock
flock 9
../../tools/typescript/install.sh
built=dist/.built
if [ ! -f "$built" ] || [ -n "$(find src test examples tsconfig.json package-lock.json -newer "$built" -print -quit)" ]; then
    rm -rf dist
    node_modules/.bin/tsc
    touch "$built"
fi
