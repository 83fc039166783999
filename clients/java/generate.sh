#!/usr/bin/env bash
# Writes the contract's messages and clients into build/gen: all of it, or that of the domains named, such as `inference
# models`. Needs protoc with its plugin for gRPC in Java.
set -euo pipefail
cd "$(dirname "$0")"
proto=../../proto
plugin=$(command -v grpc_java_plugin || command -v protoc-gen-grpc-java)
cd "$proto"
names=()
if [ $# = 0 ]; then
    names=(funland/v1/*.proto)
else
    for domain in "$@"; do
        names+=("funland/v1/$domain.proto")
    done
fi
cd - >/dev/null
rm -rf build/gen
mkdir -p build/gen
protoc -I "$proto" -I "$proto/third_party" \
    --java_out=build/gen --grpc-java_out=build/gen --plugin=protoc-gen-grpc-java="$plugin" \
    "${names[@]}" buf/validate/validate.proto google/api/{annotations,http,httpbody}.proto \
    google/rpc/{status,error_details}.proto
