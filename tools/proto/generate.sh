#!/usr/bin/env bash
# Writes what is generated from proto/: proto/gen, and the descriptors with their comments that the
# gateway makes /openapi.json of. With --check, fails if they are not what it would write.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
export PATH="$(dirname "$python"):$PATH" # protoc looks for its plugins there
descriptors=gateway/funland_gateway/transcoding/contract.binpb

protoc() {
    "$python" -m grpc_tools.protoc -I proto/third_party "$@" 2> >(grep -v '^Writing mypy' >&2)
}

generate() { # FOLDER DESCRIPTORS
    mkdir -p "$1"
    # shellcheck disable=SC2046 # the names have no spaces
    protoc -I proto --python_out="$1" --grpc_python_out="$1" --mypy_out="$1" --mypy_grpc_out="$1" \
        $(find proto/funland -name '*.proto' | sort)
    protoc --python_out="$1" --mypy_out="$1" buf/validate/validate.proto
    # shellcheck disable=SC2046
    protoc -I proto --include_source_info --descriptor_set_out="$2" $(ls proto/funland/v1/*.proto)
    find "$1/funland" -name '*_pb2_grpc.py*' | while read -r file; do
        grep -q 'class .*Stub' "$file" || rm "$file" # a file without services needs no stubs
    done
    find "$1" -mindepth 1 -type d -not -name __pycache__ -exec touch {}/__init__.py \;
    touch "$1/funland/py.typed"
}

if [ "${1:-}" = --check ]; then
    fresh=$(mktemp -d)
    trap 'rm -r "$fresh"' EXIT
    generate "$fresh/gen" "$fresh/contract.binpb"
    diff -r --exclude=__pycache__ proto/gen "$fresh/gen" && cmp "$descriptors" "$fresh/contract.binpb" || {
        echo "What is generated from proto/ is not up to date: run 'make proto'." >&2
        exit 1
    }
else
    generate proto/gen "$descriptors"
fi
