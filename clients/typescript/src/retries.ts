/** Which calls are made again after a failure, and when. */

import type { DescMethod } from "@bufbuild/protobuf";

import { FunlandError } from "./errors.js";
import { httpRule } from "./rest/routes.js";

const FIRST_SECONDS = 0.5;
const LONGEST_SECONDS = 8;
/** Who is told to wait longer had better decide themselves. */
const LONGEST_ASKED_SECONDS = 30;
/** Callers that failed together must not come back together. */
const SPREAD = 0.25;

/** What compute and keep nothing, besides all that HTTP calls by GET. */
const REPEATABLE = new Set(["funland.v1.InferenceService", "funland.v1.ModelService.EstimateModel"]);

/**
 * Whether a call may be made twice without doing something twice: it reads, or computes and keeps
 * nothing. An import or a message whose answer was lost may have happened.
 */
export function repeatable(method: DescMethod): boolean {
  const service = method.parent.typeName;
  const named = REPEATABLE.has(service) || REPEATABLE.has(`${service}.${method.name}`);
  return named || httpRule(method)?.pattern.case === "get";
}

/** The seconds to wait before the `retry`-th retry, from 0; undefined if it is of no use. `chance` is from 0 to 1. */
export function pause(error: FunlandError, retry: number, chance: number): number | undefined {
  if (!error.retryable) return undefined;
  const asked = error.retryDelaySeconds;
  if (asked === undefined) return Math.min(FIRST_SECONDS * 2 ** retry, LONGEST_SECONDS) * (1 - SPREAD * chance);
  return asked <= LONGEST_ASKED_SECONDS ? asked * (1 + SPREAD * chance) : undefined;
}

/** The attempts at one call: `retries` after the first, `timeoutSeconds` in all. */
export class Attempts {
  readonly #retries: number;
  readonly #end: number | undefined;
  readonly #now: () => number;
  #made = 0;

  /** `now` tells the time in milliseconds. */
  constructor(retries: number, timeoutSeconds: number | undefined, now: () => number = () => performance.now()) {
    this.#retries = retries;
    this.#now = now;
    this.#end = timeoutSeconds === undefined ? undefined : now() + timeoutSeconds * 1000;
  }

  /** The milliseconds that are left for the call, 1 at least; undefined: any. Whole ones, as gRPC's header wants. */
  get milliseconds(): number | undefined {
    return this.#end === undefined ? undefined : Math.max(Math.ceil(this.#end - this.#now()), 1);
  }

  /** The seconds to wait before the next attempt; undefined if `error` is the last word. */
  pause(error: FunlandError): number | undefined {
    if (this.#made >= this.#retries) return undefined;
    const seconds = pause(error, this.#made, Math.random());
    const left = this.milliseconds;
    if (seconds === undefined || (left !== undefined && seconds * 1000 >= left)) return undefined;
    this.#made += 1;
    return seconds;
  }
}

/** Waits; throws what the signal is aborted with. */
export async function wait(seconds: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const leave = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", leave);
      resolve();
    }, seconds * 1000);
    signal?.addEventListener("abort", leave, { once: true });
  });
}
