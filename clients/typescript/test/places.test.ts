/** Where calls go, and where no key goes. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { connect } from "../src/index.js";
import { credentials, isLoopback, placeOf } from "../src/places.js";
import { connect as connectByRest } from "../src/rest.js";

const PLACES: [string, string, string, boolean][] = [
  ["127.0.0.1:50051", "http://127.0.0.1:50051", "127.0.0.1", false],
  ["grpc://box:1", "http://box:1", "box", false],
  ["grpcs://box:1", "https://box:1", "box", true],
  ["https://box/funland/", "https://box/funland", "box", true],
  ["[::1]:50051", "http://[::1]:50051", "[::1]", false],
];

for (const [address, url, host, encrypted] of PLACES) {
  test(`${address} is a place`, () => assert.deepEqual(placeOf(address), { url, host, encrypted }));
}

test("what is no address is said to be none", () => {
  for (const address of ["ftp://box:1", "box:many", "http://"]) assert.throws(() => placeOf(address), TypeError);
});

test("a key stays on this machine or goes encrypted", () => {
  const sent = { authorization: "Bearer k" };
  assert.deepEqual(credentials("k", placeOf("localhost:1")), sent);
  assert.deepEqual(credentials("k", placeOf("grpcs://box:1")), sent);
  assert.deepEqual(credentials("", placeOf("box:1")), {});
  assert.throws(() => connect({ address: "box:1", key: "k" }), /in the open/);
  assert.throws(() => connectByRest({ url: "http://127.0.0.1.example", key: "k" }), /in the open/);
  assert.ok(!isLoopback("localhost.example") && !isLoopback("128.0.0.1") && isLoopback("127.9.9.9"));
});

test("nothing at an address is said to be so", async () => {
  for (const funland of [connect({ address: "127.0.0.1:1", retries: 0 }), connectByRest({ url: "http://127.0.0.1:1", retries: 0 })]) {
    await assert.rejects(funland.listModels(), { code: "UNAVAILABLE", reason: "SERVER_UNREACHABLE" });
  }
});
