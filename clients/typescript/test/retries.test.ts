/** Calls are made again when it may help, and not for long. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { FunlandError, type StatusCode } from "../src/errors.js";
import { InferenceService } from "../src/gen/funland/v1/inference_pb.js";
import { ModelService } from "../src/gen/funland/v1/models_pb.js";
import { SessionService } from "../src/gen/funland/v1/sessions_pb.js";
import { Attempts, pause, repeatable, wait } from "../src/retries.js";

function failed(code: StatusCode, retryDelaySeconds?: number): FunlandError {
  return new FunlandError("failed", { code, reason: "ERROR_REASON_UNSPECIFIED", retryDelaySeconds });
}

test("the wait grows, or is what the server asks for", () => {
  const lost = failed("UNAVAILABLE");
  const full = failed("RESOURCE_EXHAUSTED", 2);
  assert.deepEqual([0, 1, 9].map((retry) => pause(lost, retry, 0)), [0.5, 1, 8]);
  assert.deepEqual([0, 1, 9].map((retry) => pause(lost, retry, 1)), [0.375, 0.75, 6]);
  assert.deepEqual([0, 5].map((retry) => pause(full, retry, 0)), [2, 2]);
  assert.equal(pause(full, 0, 1), 2.5);
});

test("what no short wait helps is the last word", () => {
  assert.equal(pause(failed("INVALID_ARGUMENT"), 0, 0), undefined);
  assert.equal(pause(failed("RESOURCE_EXHAUSTED"), 0, 0), undefined);
  assert.equal(pause(failed("UNAVAILABLE", 31), 0, 0), undefined);
});

test("no more retries than were asked for, and none beyond the timeout", () => {
  const attempts = new Attempts(2, undefined);
  const waits = [0, 1, 2].map(() => attempts.pause(failed("UNAVAILABLE")));
  assert.deepEqual(waits.map((seconds) => seconds === undefined), [false, false, true]);
  assert.equal(new Attempts(2, 1).pause(failed("RESOURCE_EXHAUSTED", 2)), undefined);
});

test("the timeout is for all attempts together", () => {
  let now = 1000.25;
  const attempts = new Attempts(2, 3, () => now);
  assert.equal(attempts.milliseconds, 3000);
  now += 1000.5;
  assert.equal(attempts.milliseconds, 2000);
  now += 5000;
  assert.equal(attempts.milliseconds, 1);
  assert.equal(new Attempts(2, undefined).milliseconds, undefined);
});

test("only what reads, or computes and keeps nothing, is made again", () => {
  assert.ok(InferenceService.methods.every(repeatable));
  for (const method of [ModelService.method.listModels, ModelService.method.estimateModel, SessionService.method.watchSession]) {
    assert.ok(repeatable(method), method.name);
  }
  for (const method of [ModelService.method.importModel, SessionService.method.sendMessage, SessionService.method.deleteSession]) {
    assert.ok(!repeatable(method), method.name);
  }
});

test("who waits can be called off", async () => {
  const caller = new AbortController();
  const waiting = wait(1000, caller.signal);
  caller.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
  await assert.rejects(wait(0, caller.signal), /enough/);
});
