#!/usr/bin/env bash
# @connectrpc/connect and @connectrpc/connect-node 2.1.2, Node 20.
# One would guess: `timeoutMs` is a number like those that `performance.now()` gives, so what is left of a deadline may be passed
# on as it is, and the client writes it as its protocol wants it.
# Seen: over gRPC a timeout of 2999.5 goes out as `grpc-timeout: 2999.5m`. The protocol has whole numbers there, and grpcio's
# server answers INTERNAL, "Error parsing 'grpc-timeout' metadata", before any handler is asked. Round it up.
# Exits 1 if the header is a whole number.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"type": "module"}' >package.json
npm install --silent --no-audit --no-fund @connectrpc/connect@2.1.2 @connectrpc/connect-node@2.1.2 @bufbuild/protobuf@2.12.1
cat >try.mjs <<'END'
import { createServer } from "node:http2";
import { once } from "node:events";
import { create, createFileRegistry } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, file_google_protobuf_empty } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";

const empty = ".google.protobuf.Empty";
const file = create(FileDescriptorProtoSchema, {
  name: "try.proto", package: "try", syntax: "proto3", dependency: ["google/protobuf/empty.proto"],
  service: [{ name: "Try", method: [{ name: "Ask", inputType: empty, outputType: empty }] }],
});
const registry = createFileRegistry(file, () => file_google_protobuf_empty);
let seen;
const server = createServer((request, response) => {
  seen = request.headers["grpc-timeout"];
  response.writeHead(200, { "content-type": "application/grpc", "grpc-status": "12" }).end();
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const transport = createGrpcTransport({ baseUrl: `http://127.0.0.1:${server.address().port}` });
await createClient(registry.getService("try.Try"), transport).ask({}, { timeoutMs: 2999.5 }).catch(() => {});
console.log(seen);
process.exit();
END
seen=$(node try.mjs)
echo "@connectrpc/connect-node 2.1.2: of a timeout of 2999.5 ms it sends grpc-timeout: $seen"
[ "$seen" = 2999.5m ]
