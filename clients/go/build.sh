#!/usr/bin/env bash
# Generates and compiles with Debian 12's packages, without modules: the example and the scenario go into build/bin.
set -euo pipefail
cd "$(dirname "$0")"
./generate.sh
mkdir -p build/src/funland.local build/bin
ln -sfn "$PWD" build/src/funland.local/client
export GO111MODULE=off GOPATH="$PWD/build:/usr/share/gocode"
for program in examples/chat scenario; do
    go build -o "build/bin/${program##*/}" "funland.local/client/$program"
done
