#!/usr/bin/env bash
# Installs Funland and what it needs into a virtual environment, and tells what takes so long.
#
# PyPI has llama-cpp-python as source only. Its compilation is most of the time, so it starts first
# and the other packages come in beside it. What computes on accelerators comes last, as ACCEL says.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
venv=$2
log=$venv/llama-cpp-build.log

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "Funland needs Python 3.11 or newer; '$python' is not. Name another: make serve PYTHON=python3.12"
command -v c++ >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null ||
    fail "Funland compiles llama.cpp and finds no C++ compiler. Debian, Ubuntu: apt install g++; Fedora: dnf install gcc-c++; macOS: xcode-select --install"

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
pip=("$venv/bin/python" -m pip --disable-pip-version-check)
"${pip[@]}" install --quiet --upgrade 'pip>=25.1' # which knows dependency groups

requirement=$("$venv/bin/python" - <<'END'
import tomllib
with open("pyproject.toml", "rb") as file:
    print(*tomllib.load(file)["dependency-groups"]["llama-cpp"])
END
)
# It is compiled for this very processor. pip's own cache of wheels knows neither the processor nor the
# options, so it may hold one that crashes here; ours lies beside it, by all that makes a difference.
options="-DLLAVA_BUILD=ON ${CMAKE_ARGS:-}"
key=$({
    echo "$requirement $options"
    cat tools/llama_cpp/*
    "${CXX:-c++}" --version 2>/dev/null
    grep -m 1 -E '^(flags|Features)' /proc/cpuinfo || sysctl -n machdep.cpu.brand_string
} 2>/dev/null | cksum | tr ' ' -)
wheels=$("${pip[@]}" cache dir 2>/dev/null || echo "$venv/wheels")/funland/$key
building=
if [ "$(cat "$venv/.llama-cpp" 2>/dev/null)" != "$key" ]; then
    if ! ls "$wheels"/*.whl >/dev/null 2>&1; then
        echo "Compiling llama.cpp, about 3 CPU-minutes; $log has the compiler's words ..."
        CMAKE_ARGS="$options -DCMAKE_PROJECT_llama.cpp_INCLUDE=$PWD/tools/llama_cpp/funland.cmake" \
            "${pip[@]}" wheel --verbose --no-cache-dir --no-deps --no-binary llama-cpp-python \
            --wheel-dir "$wheels" "$requirement" >"$log" 2>&1 &
        building=$!
    fi
fi

echo "Installing the other packages ..."
"$venv/bin/python" - >"$venv/requirements.txt" <<'END'
import tomllib
with open("pyproject.toml", "rb") as file:
    dependencies = tomllib.load(file)["project"]["dependencies"]
print(*dependencies, sep="\n")
# What llama-cpp-python needs of PyPI, as it is installed without.
print("diskcache", "typing-extensions", sep="\n")
END
"${pip[@]}" install --quiet --requirement "$venv/requirements.txt" hatchling editables

if [ -n "$building" ]; then
    while kill -0 "$building" 2>/dev/null; do
        if [ $((SECONDS - ${told:--15})) -ge 15 ]; then
            told=$SECONDS
            step=$(grep -oE '^ *\[[0-9]+/[0-9]+\]' "$log" | tail -n 1 | tr -d ' ' || true)
            echo "  llama.cpp ${step:-is being unpacked}"
        fi
        sleep 1
    done
    wait "$building" || fail "llama.cpp was not built. The last lines of $log:" "$(tail -n 30 "$log")"
fi
if [ "$(cat "$venv/.llama-cpp" 2>/dev/null)" != "$key" ]; then
    "${pip[@]}" install --quiet --force-reinstall --no-deps "$wheels"/*.whl
    echo "$key" >"$venv/.llama-cpp"
fi
"${pip[@]}" install --quiet --no-deps --no-build-isolation --editable .
tools/choose.sh "$venv"
"${pip[@]}" check >/dev/null || "${pip[@]}" check
"$venv/bin/python" -m tools.accelerators "$requirement"
