#!/usr/bin/env bash
# Writes what is generated from proto/: proto/gen, the descriptors with their comments that the
# gateway makes /openapi.json of, those that Envoy transcodes by, and the TypeScript client's messages where npm is there.
# With --check, fails if they are not what it would write.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
export PATH="$(dirname "$python"):$PATH" # protoc looks for its plugins there
descriptors=gateway/funland_gateway/transcoding/contract.binpb
envoy=envoy/contract.binpb
typescript=clients/typescript/src/gen

protoc() {
    "$python" -m grpc_tools.protoc -I proto/third_party "$@" 2> >(grep -v '^Writing mypy' >&2)
}

generate() { # FOLDER DESCRIPTORS ENVOY
    mkdir -p "$1"
    # shellcheck disable=SC2046 # the names have no spaces
    protoc -I proto --python_out="$1" --grpc_python_out="$1" --mypy_out="$1" --mypy_grpc_out="$1" \
        $(find proto/funland -name '*.proto' | sort)
    protoc --python_out="$1" --mypy_out="$1" buf/validate/validate.proto
    # shellcheck disable=SC2046
    protoc -I proto --include_source_info --descriptor_set_out="$2" $(ls proto/funland/v1/*.proto)
    # With the messages that errors have their details in: without them Envoy would give none.
    # shellcheck disable=SC2046
    protoc -I proto --include_imports --descriptor_set_out="$3" $(ls proto/funland/v1/*.proto) google/rpc/error_details.proto
    find "$1/funland" -name '*_pb2_grpc.py*' | while read -r file; do
        grep -q 'class .*Stub' "$file" || rm "$file" # a file without services needs no stubs
    done
    find "$1" -mindepth 1 -type d -not -name __pycache__ -exec touch {}/__init__.py \;
    touch "$1/funland/py.typed"
}

typescript() { # FOLDER
    tools/typescript/install.sh
    mkdir -p "$1"
    # shellcheck disable=SC2046
    protoc -I proto --plugin=protoc-gen-es=clients/typescript/node_modules/.bin/protoc-gen-es \
        --es_opt=target=ts,import_extension=js --es_out="$1" $(ls proto/funland/v1/*.proto) \
        buf/validate/validate.proto google/api/{annotations,http,httpbody}.proto google/rpc/error_details.proto
}

if command -v npm >/dev/null; then
    has_npm=1
else
    has_npm=
    echo "Without npm the TypeScript client's messages are not generated." >&2
fi

if [ "${1:-}" = --check ]; then
    fresh=$(mktemp -d)
    trap 'rm -r "$fresh"' EXIT
    generate "$fresh/gen" "$fresh/contract.binpb" "$fresh/envoy.binpb"
    if [ $has_npm ]; then typescript "$fresh/typescript"; else cp -r "$typescript" "$fresh/typescript"; fi
    diff -r --exclude=__pycache__ proto/gen "$fresh/gen" && cmp "$descriptors" "$fresh/contract.binpb" &&
        cmp "$envoy" "$fresh/envoy.binpb" && diff -r "$typescript" "$fresh/typescript" || {
        echo "What is generated from proto/ is not up to date: run 'make proto'." >&2
        exit 1
    }
else
    generate proto/gen "$descriptors" "$envoy"
    if [ $has_npm ]; then typescript "$typescript"; fi
fi
