#!/usr/bin/env bash
# Compiles the example and the scenario with Debian 12's Mono into build.
set -euo pipefail
cd "$(dirname "$0")"
json=/usr/lib/cli/Newtonsoft.Json-5.0/Newtonsoft.Json.dll
mkdir -p build
cp "$json" build/
for program in examples/Chat scenario/Scenario; do
    mcs -nologo -warnaserror -r:System.Net.Http.dll -r:"$json" -out:"build/${program##*/}.exe" src/*.cs "$program.cs"
done
