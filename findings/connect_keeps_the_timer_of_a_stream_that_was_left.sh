#!/usr/bin/env bash
# @connectrpc/connect and @connectrpc/connect-node 2.1.2, Node 20.
# One would guess: who leaves a stream by `break` is done with it, the more so if its signal is aborted, and a process that has
# nothing else to do ends.
# Seen: the timer of the call's `timeoutMs` stays, and with it the process, until the deadline. The timer is dropped only when
# the stream is read to its end or its error; what is left by `break` is not read any more, and an abort is noticed by the next
# read. To drop it, abort the signal and go on reading until the end comes.
# Exits 1 if the process ends before its call's deadline of five seconds, or if it does not when that is done.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
server=
cd "$folder"
echo '{"type": "module"}' >package.json
npm install --silent --no-audit --no-fund @connectrpc/connect@2.1.2 @connectrpc/connect-node@2.1.2 @bufbuild/protobuf@2.12.1
cat >service.mjs <<'END'
import { create, createFileRegistry } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, file_google_protobuf_empty } from "@bufbuild/protobuf/wkt";
const empty = ".google.protobuf.Empty";
const file = create(FileDescriptorProtoSchema, {
  name: "try.proto", package: "try", syntax: "proto3", dependency: ["google/protobuf/empty.proto"],
  service: [{ name: "Try", method: [{ name: "Watch", inputType: empty, outputType: empty, serverStreaming: true }] }],
});
export const service = createFileRegistry(file, () => file_google_protobuf_empty).getService("try.Try");
END
cat >server.mjs <<'END'
import { createServer } from "node:http2";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { service } from "./service.mjs";
const routes = (router) => router.service(service, {
  async *watch(_, { signal }) {
    yield {};
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  },
});
const server = createServer(connectNodeAdapter({ routes }));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
END
cat >client.mjs <<'END'
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { service } from "./service.mjs";
const [, , port, way] = process.argv;
const begin = performance.now();
process.on("exit", () => console.log(performance.now() - begin < 4000 ? "at once" : "at the deadline"));
const left = new AbortController();
const client = createClient(service, createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` }));
const stream = client.watch({}, { timeoutMs: 5000, signal: left.signal });
if (way === "break") {
  for await (const _ of stream) break;
  left.abort();
} else {
  const messages = stream[Symbol.asyncIterator]();
  await messages.next();
  left.abort();
  try { while (!(await messages.next()).done); } catch { /* that it was aborted */ }
}
END
node server.mjs >port.txt & server=$!
until [ -s port.txt ]; do sleep 0.1; done
port=$(cat port.txt)
broken=$(node client.mjs "$port" break) drained=$(node client.mjs "$port" drained)
echo "@connectrpc/connect 2.1.2: after a break the process ends $broken, after reading on $drained"
[ "$broken" = "at the deadline" ] && [ "$drained" = "at once" ]
