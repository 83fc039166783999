/** Events are read whichever way their bytes are cut. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { eventsOf } from "../src/rest/events.js";

const EVENTS = ': waiting\n\ndata: {"a":"é"}\n\nevent: end\r\ndata: {}\r\n\r\ndata:1\rdata: 2\r\rid: 7\n\nevent: x\n\ndata: late';
const EXPECTED = [
  { name: "message", data: '{"a":"é"}' },
  { name: "end", data: "{}" },
  { name: "message", data: "1\n2" },
];

function body(parts: Iterable<Uint8Array>, onCancel = () => {}): ReadableStream<Uint8Array> {
  const rest = parts[Symbol.iterator]();
  return new ReadableStream(
    {
      pull(controller) {
        const { done, value } = rest.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: onCancel,
    },
    { highWaterMark: 0 },
  );
}

for (const size of [1, 2, 3, 7, 1000]) {
  test(`in parts of ${size} bytes`, async () => {
    const bytes = new TextEncoder().encode(EVENTS);
    const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.slice(at * size, (at + 1) * size));
    const read = [];
    for await (const event of eventsOf(body(parts))) read.push(event);
    assert.deepEqual(read, EXPECTED);
  });
}

test("who leaves gives up the rest", async () => {
  let cancelled = false;
  const parts = [new TextEncoder().encode("data: 1\n\n"), new TextEncoder().encode("data: 2\n\n")];
  for await (const event of eventsOf(body(parts, () => { cancelled = true; }))) {
    assert.equal(event.data, "1");
    break;
  }
  assert.ok(cancelled);
});
