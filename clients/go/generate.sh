#!/usr/bin/env bash
# Writes the contract's messages and clients into gen/. Needs protoc, protoc-gen-go and protoc-gen-go-grpc.
set -euo pipefail
cd "$(dirname "$0")"
proto=../../proto
package=funland.local/client/gen
cd "$proto"
names=(funland/v1/*.proto)
cd - >/dev/null
# The contract's files name no Go package, so each is told its own.
places=Mbuf/validate/validate.proto=$package/validate
for name in "${names[@]}"; do
    places+=,M$name=$package/funlandv1
done
rm -rf gen
protoc -I "$proto" -I "$proto/third_party" \
    --go_out=. --go_opt="module=funland.local/client,$places" \
    --go-grpc_out=. --go-grpc_opt="module=funland.local/client,$places" \
    "${names[@]}" buf/validate/validate.proto
