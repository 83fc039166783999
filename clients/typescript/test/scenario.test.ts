/** The steps that are common to all clients, against a real server over both wires. */

import { readFileSync } from "node:fs";
import { after, describe, test } from "node:test";

import { connect } from "../src/index.js";
import { connect as connectByRest } from "../src/rest.js";
import { make, SECONDS, type Step } from "./steps.js";

const file = new URL("../../../scenario.json", import.meta.url);
const { steps } = JSON.parse(readFileSync(file, "utf8")) as { steps: Step[] };

const { FUNLAND_SERVER: address = "", FUNLAND_URL: url = "http://127.0.0.1:8000" } = process.env;
const wires = {
  gRPC: connect({ address, timeoutSeconds: SECONDS, retries: 0 }),
  REST: connectByRest({ url, timeoutSeconds: SECONDS, retries: 0 }),
};

for (const [wire, funland] of Object.entries(wires)) {
  describe(`over ${wire}`, { skip: address === "" && "FUNLAND_SERVER and FUNLAND_URL name no service" }, () => {
    for (const step of steps) test(step.name, async () => await make(funland, step));
    after(() => funland.close());
  });
}
