/** A service of the contract as an object: deadlines, retries and errors are the same for all. */

import type {
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { type CallOptions as WireOptions, createClient, type Transport } from "@connectrpc/connect";

import { FunlandError } from "./errors.js";
import { Attempts, repeatable, wait } from "./retries.js";

/** How calls are made; those of a call win over those of the connection. */
export interface CallOptions {
  /** How long the call may take in seconds, loading the model and retries included. Undefined: for ever. */
  readonly timeoutSeconds?: number | undefined;
  /** How often a call is made again that failed for what may pass; see `repeatable`. 2 unless said. */
  readonly retries?: number;
  /** Ends the call when it is aborted. */
  readonly signal?: AbortSignal;
  /** Is told of each failure after which the call is made again, and in how many seconds. */
  readonly onRetry?: (error: FunlandError, seconds: number) => void;
}

/** The RPCs of a service as methods. A stream is called when it is first read, and ended when its reader leaves. */
export type ServiceClient<S extends DescService> = {
  readonly [M in keyof S["method"]]: S["method"][M] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O>>
    : S["method"][M] extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageInitShape<I>, options?: CallOptions) => AsyncGenerator<MessageShape<O>, void>
      : S["method"][M] extends DescMethodClientStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageInitShape<I>>, options?: CallOptions) => Promise<MessageShape<O>>
        : S["method"][M] extends DescMethodBiDiStreaming<infer I, infer O>
          ? (requests: AsyncIterable<MessageInitShape<I>>, options?: CallOptions) => AsyncGenerator<MessageShape<O>, void>
          : never;
};

const RETRIES = 2;

/** A generated client's method, of whichever kind. */
type Method = (request: unknown, options: WireOptions) => unknown;

/** Makes the methods of `service`. Each throws a `FunlandError`. */
export function serviceClient<S extends DescService>(
  service: S,
  transport: Transport,
  defaults: CallOptions,
): ServiceClient<S> {
  const generated = createClient(service, transport) as unknown as Record<string, Method>;
  const methods = service.methods.map((method) => {
    const call = generated[method.localName] as Method;
    const streams = method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming";
    const made = streams ? streamed : whole;
    return [method.localName, (request: unknown, options: CallOptions = {}) =>
      made(call, request, patience(method, { ...defaults, ...options }))] as const;
  });
  return Object.fromEntries(methods) as unknown as ServiceClient<S>;
}

function patience(method: DescMethod, options: CallOptions): CallOptions {
  return repeatable(method) ? options : { ...options, retries: 0 };
}

function attemptsOf(options: CallOptions): Attempts {
  return new Attempts(options.retries ?? RETRIES, options.timeoutSeconds);
}

function wire(attempts: Attempts, signal: AbortSignal | undefined): WireOptions {
  const timeoutMs = attempts.milliseconds;
  return { ...(timeoutMs !== undefined && { timeoutMs }), ...(signal && { signal }) };
}

async function whole(call: Method, request: unknown, options: CallOptions): Promise<unknown> {
  const attempts = attemptsOf(options);
  for (;;) {
    try {
      return await call(request, wire(attempts, options.signal));
    } catch (thrown) {
      await passes(FunlandError.from(thrown), attempts, options);
    }
  }
}

async function* streamed(call: Method, request: unknown, options: CallOptions): AsyncGenerator<unknown, void> {
  const attempts = attemptsOf(options);
  for (;;) {
    let begun = false;
    try {
      for await (const message of attempt(call, request, attempts, options.signal)) {
        begun = true;
        yield message;
      }
      return;
    } catch (thrown) {
      const error = FunlandError.from(thrown);
      if (begun) throw error;
      await passes(error, attempts, options);
    }
  }
}

/** One attempt at a stream. Who leaves it ends the call. */
async function* attempt(
  call: Method,
  request: unknown,
  attempts: Attempts,
  signal: AbortSignal | undefined,
): AsyncGenerator<unknown, void> {
  const left = new AbortController();
  const either = signal ? AbortSignal.any([signal, left.signal]) : left.signal;
  const messages = (call(request, wire(attempts, either)) as AsyncIterable<unknown>)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await messages.next();
      if (done) return;
      yield value;
    }
  } finally {
    left.abort();
    await drain(messages);
  }
}

/**
 * Reads what came before the call was ended. Connect drops a call's timer when its end is read, and
 * else keeps the process alive till the deadline.
 */
async function drain(messages: AsyncIterator<unknown>): Promise<void> {
  try {
    while (!(await messages.next()).done);
  } catch {
    // That it was ended.
  }
}

/** Waits for what may pass, and throws what does not. */
async function passes(error: FunlandError, attempts: Attempts, options: CallOptions): Promise<void> {
  const seconds = attempts.pause(error);
  if (seconds === undefined) throw error;
  options.onRetry?.(error, seconds);
  try {
    await wait(seconds, options.signal);
  } catch (thrown) {
    throw FunlandError.from(thrown);
  }
}
