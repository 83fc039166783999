/** What a call is as HTTP: its path, query and body. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { FileService } from "../src/gen/funland/v1/files_pb.js";
import { HubService } from "../src/gen/funland/v1/hub_pb.js";
import { InferenceService } from "../src/gen/funland/v1/inference_pb.js";
import { ModelService } from "../src/gen/funland/v1/models_pb.js";
import { type Route, routeOf } from "../src/rest/routes.js";
import { httpRequest, parameters } from "../src/rest/urls.js";

test("routes are the contract's annotations", () => {
  const of = ({ httpMethod, template, body }: Route) => `${httpMethod} ${template} ${body}`.trimEnd();
  assert.equal(of(routeOf(InferenceService.method.chat)), "POST /funland/v1/chat *");
  assert.equal(of(routeOf(ModelService.method.deleteModel)), "DELETE /funland/v1/models/{model_id}");
  assert.equal(of(routeOf(FileService.method.uploadFile)), "POST /funland/v1/files data");
});

test("a body has what the path has not", () => {
  const load = routeOf(ModelService.method.loadModel);
  assert.deepEqual(httpRequest(load, { model_id: "a b/c:d", settings: { slots: 2 } }), {
    httpMethod: "POST",
    path: "/funland/v1/models/a%20b%2Fc%3Ad:load",
    body: '{"settings":{"slots":2}}',
  });
});

test("a variable of several steps keeps its slashes", () => {
  const get = routeOf(HubService.method.getHubModel);
  assert.equal(
    httpRequest(get, { hub: "MODELSCOPE", model_id: "owner/a name", revision: "x&y" }).path,
    "/funland/v1/hubs/MODELSCOPE/models/owner/a%20name?revision=x%26y",
  );
});

test("a query has paths for what is nested and names again for what is repeated", () => {
  assert.deepEqual(parameters({ a: { b: 1, c: { d: true } }, e: ["x", "y"], f: "1.5s" }), [
    ["a.b", "1"],
    ["a.c.d", "true"],
    ["e", "x"],
    ["e", "y"],
    ["f", "1.5s"],
  ]);
});

test("what does not fit is told by its field", () => {
  assert.throws(() => httpRequest(routeOf(ModelService.method.getModel), {}), /model_id: /);
  assert.throws(() => parameters({ a: [{ b: 1 }] }), /a: /);
});
