/** What went wrong is told in the same way, whatever wire it came over. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Code, ConnectError } from "@connectrpc/connect";

import { FunlandError } from "../src/errors.js";
import { failureOf } from "../src/rest/failures.js";

test("an error of the REST API has all that one of gRPC has", () => {
  const body = JSON.stringify({
    error: {
      code: "RESOURCE_EXHAUSTED",
      reason: "QUEUE_FULL",
      message: "Many wait.",
      metadata: { queue_limit: "1" },
      field_violations: [{ field: "a.b", description: "is wrong" }],
      retry_delay: "1.500s",
      request_id: "abc",
      newer: true,
    },
  });
  const error = FunlandError.from(failureOf(body, 429));
  assert.deepEqual(
    [error.code, error.reason, error.message, error.metadata, error.fieldViolations, error.retryDelaySeconds],
    ["RESOURCE_EXHAUSTED", "QUEUE_FULL", "Many wait.", { queue_limit: "1" }, [{ field: "a.b", description: "is wrong" }], 1.5],
  );
  assert.equal(error.requestId, "abc");
  assert.ok(error.retryable);
});

for (const code of Object.values(Code).filter((each) => typeof each === "number")) {
  test(`the status ${Code[code]} has the same name in JSON`, () => {
    const name = FunlandError.from(new ConnectError("x", code)).code;
    assert.equal(failureOf(JSON.stringify({ error: { code: name } }), 400).code, code);
  });
}

test("a reason of a newer server is passed on", () => {
  const body = JSON.stringify({ error: { code: "ABORTED", reason: "NEVER_HEARD_OF", message: "x" } });
  assert.equal(FunlandError.from(failureOf(body, 409)).reason, "NEVER_HEARD_OF");
});

test("an answer of a proxy is told by its status", () => {
  for (const body of ["<html>", "[]", '{"error": "x"}', "null", ""]) {
    assert.equal(FunlandError.from(failureOf(body, 502)).reason, "SERVER_UNREACHABLE");
  }
  assert.equal(FunlandError.from(failureOf("", 418)).code, "UNKNOWN");
});

test("what no server said has the contract's reason", () => {
  assert.equal(FunlandError.from(new ConnectError("", Code.DeadlineExceeded)).reason, "DEADLINE_PASSED");
  assert.equal(FunlandError.from(new DOMException("gone", "AbortError")).reason, "CALLER_GONE");
  assert.equal(FunlandError.from(new RangeError("x")).reason, "ERROR_REASON_UNSPECIFIED");
});
