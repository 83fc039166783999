/** Calls the contract over native REST: an answer is JSON, a stream server-sent events, bytes are a body. */

import type { DescMessage, DescMethod, MessageShape } from "@bufbuild/protobuf";
import { create, fromJson, type JsonObject, type JsonValue, type Message, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError, createContextValues, type Transport } from "@connectrpc/connect";
import { runStreamingCall, runUnaryCall } from "@connectrpc/connect/protocol";

import { HttpBodySchema } from "../gen/google/api/httpbody_pb.js";
import { chunksOf, eventsOf } from "./events.js";
import { failureOf } from "./failures.js";
import { routeOf } from "./routes.js";
import { httpRequest } from "./urls.js";

/** How a transport calls. */
export interface RestOptions {
  /** Where the gateway is, without a slash at the end. */
  readonly url: string;
  /** Go with every call. */
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: typeof globalThis.fetch;
  /** Ends all calls. */
  readonly closed: AbortSignal;
}

/** The header with a call's deadline, in seconds. */
const TIMEOUT_HEADER = "x-request-timeout";

/** Makes a transport for Connect's clients. It refuses what streams requests: that takes gRPC. */
export function createRestTransport(options: RestOptions): Transport {
  const common = (method: DescMethod, timeoutMs: number | undefined, given: HeadersInit | undefined) => {
    const header = new Headers(given);
    for (const [name, value] of Object.entries(options.headers)) header.set(name, value);
    if (timeoutMs !== undefined && timeoutMs > 0) header.set(TIMEOUT_HEADER, String(timeoutMs / 1000));
    return { service: method.parent, requestMethod: "POST", url: options.url, header };
  };
  const limits = (signal: AbortSignal | undefined, timeoutMs: number | undefined) => ({
    signal: signal ? AbortSignal.any([options.closed, signal]) : options.closed,
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
  return {
    async unary(method, signal, timeoutMs, header, message, contextValues = createContextValues()) {
      return await runUnaryCall<typeof method.input, typeof method.output>({
        ...limits(signal, timeoutMs),
        req: { ...common(method, timeoutMs, header), stream: false, method, message, contextValues },
        next: async (request) => {
          const response = await ask(options, method, request.message, request.header, request.signal);
          const answer = await whole(method.output, response);
          const { headers } = response;
          return { stream: false, service: method.parent, method, header: headers, trailer: new Headers(), message: answer };
        },
      });
    },
    async stream(method, signal, timeoutMs, header, message, contextValues = createContextValues()) {
      return await runStreamingCall<typeof method.input, typeof method.output>({
        ...limits(signal, timeoutMs),
        req: { ...common(method, timeoutMs, header), stream: true, method, message, contextValues },
        next: async (request) => {
          const asked = await only(method, request.message);
          const response = await ask(options, method, asked, request.header, request.signal);
          const answers = streamed(method.output, response);
          const { headers } = response;
          return { stream: true, service: method.parent, method, header: headers, trailer: new Headers(), message: answers };
        },
      });
    },
  };
}

/** The one request of a call that does not stream any. */
async function only<T>(method: DescMethod, messages: AsyncIterable<T>): Promise<T> {
  if (method.methodKind === "server_streaming") for await (const message of messages) return message;
  throw new ConnectError(`${method.name} streams requests, which takes a connection over gRPC.`, Code.Unimplemented);
}

async function ask<I extends DescMessage>(
  options: RestOptions,
  method: DescMethod & { input: I },
  message: MessageShape<I>,
  header: Headers,
  signal: AbortSignal,
): Promise<Response> {
  const json = toJson(method.input as DescMessage, message as Message, { useProtoFieldName: true }) as JsonObject;
  const { httpMethod, path, body } = httpRequest(routeOf(method), json);
  if (body !== undefined) header.set("content-type", "application/json");
  let response: Response;
  try {
    response = await options.fetch(options.url + path, { method: httpMethod, headers: header, body: body ?? null, signal });
  } catch (thrown) {
    throw lost(`The gateway at ${options.url} can't be reached.`, thrown);
  }
  if (!response.ok) throw failureOf(await response.text(), response.status);
  return response;
}

async function whole<O extends DescMessage>(output: O, response: Response): Promise<MessageShape<O>> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (thrown) {
    throw lost("The answer was cut off before its end.", thrown);
  }
  return isRaw(output) ? raw(output, response, bytes) : read(output, new TextDecoder().decode(bytes));
}

async function* streamed<O extends DescMessage>(output: O, response: Response): AsyncGenerator<MessageShape<O>, void> {
  if (!response.body) return;
  if (isRaw(output)) {
    for await (const part of chunksOf(response.body)) yield raw(output, response, part);
    return;
  }
  try {
    for await (const { name, data } of eventsOf(response.body)) {
      if (name === "end") return;
      if (name === "error") throw failureOf(data, response.status);
      yield read(output, data);
    }
  } catch (thrown) {
    throw thrown instanceof ConnectError ? thrown : lost("The stream was cut off before its end.", thrown);
  }
  throw lost("The stream was cut off before its end.");
}

/** The line's failure; of one that was to end, the call's signal knows better why. */
function lost(message: string, cause?: unknown): ConnectError {
  const error = new ConnectError(message, Code.Unavailable);
  error.cause = cause;
  return error;
}

function read<O extends DescMessage>(output: O, text: string): MessageShape<O> {
  return fromJson(output, JSON.parse(text) as JsonValue, { ignoreUnknownFields: true });
}

function isRaw(output: DescMessage): boolean {
  return output.typeName === HttpBodySchema.typeName;
}

function raw<O extends DescMessage>(_: O, response: Response, data: Uint8Array): MessageShape<O> {
  const contentType = response.headers.get("content-type") ?? "";
  return create(HttpBodySchema, { contentType, data }) as Message as MessageShape<O>;
}
