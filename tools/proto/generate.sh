#!/usr/bin/env bash
# Writes proto/gen anew from proto/**/*.proto. With --check, fails if proto/gen is not what it would write.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
out=proto/gen
[ "${1:-}" != --check ] || out=$(mktemp -d)
mkdir -p "$out"
export PATH="$(dirname "$python"):$PATH" # protoc looks for its plugins there
"$python" -m grpc_tools.protoc -I proto -I proto/third_party \
    --python_out="$out" --grpc_python_out="$out" --mypy_out="$out" --mypy_grpc_out="$out" \
    $(find proto/funland -name '*.proto' | sort) 2>/dev/null
"$python" -m grpc_tools.protoc -I proto/third_party \
    --python_out="$out" --mypy_out="$out" buf/validate/validate.proto 2>/dev/null
find "$out/funland" -name '*_pb2_grpc.py*' | while read -r file; do
    # A file without services needs no stubs.
    grep -q 'class .*Stub' "$file" || rm "$file"
done
find "$out" -mindepth 1 -type d -not -name __pycache__ -exec touch {}/__init__.py \;
touch "$out/funland/py.typed"
if [ "${1:-}" = --check ]; then
    diff -r --exclude=__pycache__ proto/gen "$out" || {
        echo "proto/gen is not up to date: run 'make proto'." >&2
        exit 1
    }
fi
