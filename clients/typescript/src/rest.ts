/**
 * The TypeScript client of Funland for browsers, over REST and server-sent events; Node may use it too:
 *
 *     import { connect } from "@funland/client/rest";
 *
 *     const funland = connect();
 *     console.log((await funland.chat("Hello!")).message?.content);
 */

import { Funland } from "./client.js";
import { credentials, placeOf } from "./places.js";
import { createRestTransport } from "./rest/transport.js";
import type { CallOptions } from "./service.js";

export { type ChatOptions, type EmbedOptions, Funland } from "./client.js";
export type { ChatMessage, Conversation, Role } from "./conversation.js";
export { type FieldViolation, FunlandError, type Reason, type StatusCode } from "./errors.js";
export type { CallOptions, ServiceClient } from "./service.js";
export { TextStream } from "./texts.js";

/** How to connect. */
export interface ConnectOptions extends Omit<CallOptions, "signal"> {
  /** Where the gateway is. Undefined: where the page comes from, outside of pages http://127.0.0.1:8000. */
  readonly url?: string;
  /** An access key or token. Undefined or empty: none is sent. */
  readonly key?: string;
  /** Makes requests in place of the platform's `fetch`. */
  readonly fetch?: typeof globalThis.fetch;
}

/** Makes a connection. `close` ends all calls on it. */
export function connect(options: ConnectOptions = {}): Funland {
  const { url, key, fetch, ...defaults } = options;
  const page = (globalThis as { location?: { origin?: string } }).location?.origin;
  const place = placeOf(url ?? page ?? "http://127.0.0.1:8000");
  const closed = new AbortController();
  const transport = createRestTransport({
    url: place.url,
    headers: credentials(key ?? "", place),
    fetch: fetch ?? ((...asked) => globalThis.fetch(...asked)),
    closed: closed.signal,
  });
  return new Funland(transport, defaults, () => closed.abort());
}
