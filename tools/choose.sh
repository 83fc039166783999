#!/usr/bin/env bash
# Compiles what chooses tokens (choose.cpp, chooser.h) into a virtual environment, for this very processor.
#
# Without it Funland works as well, but a step of many texts takes longer: so nothing fails here.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1
folder=server/funland_worker/engines/sampling
compiler=${CXX:-$(command -v c++ || command -v g++ || command -v clang++)}
# As llama.cpp is compiled: for another processor if CMAKE_ARGS say so.
native=-march=native
case ${CMAKE_ARGS:-} in *GGML_NATIVE=OFF*) native= ;; esac
key=$({
    echo "$native"
    cat "$folder"/chooser.h "$folder"/choose.cpp tools/choose.sh
    "$compiler" --version
    grep -m 1 -E '^(flags|Features)' /proc/cpuinfo || sysctl -n machdep.cpu.brand_string
} 2>/dev/null | cksum | tr ' ' -)
library=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')/libfunland_choose.so
[ -e "$library" ] && [ "$(cat "$venv/.choose" 2>/dev/null)" = "$key" ] && exit

# shellcheck disable=SC2086 # none, if there is no flag
if "$compiler" -std=c++17 -O3 $native -Wno-psabi -pthread -fPIC -shared \
    -o "$library.new" "$folder/choose.cpp"; then
    mv "$library.new" "$library"
    echo "$key" >"$venv/.choose"
else
    echo "What chooses tokens was not compiled: texts that are written together take longer." >&2
fi
