/**
 * The TypeScript client of Funland for Node, over gRPC:
 *
 *     import { connect } from "@funland/client";
 *
 *     const funland = connect();
 *     for await (const text of funland.stream("Tell me a story.")) process.stdout.write(text);
 *
 * Browsers take `connect` of `@funland/client/rest`.
 */

import { readFileSync } from "node:fs";

import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";

import { Funland } from "./client.js";
import { credentials, placeOf } from "./places.js";
import type { CallOptions } from "./service.js";
import { withHeaders } from "./headers.js";

export { type ChatOptions, type EmbedOptions, Funland } from "./client.js";
export type { ChatMessage, Conversation, Role } from "./conversation.js";
export { type FieldViolation, FunlandError, type Reason, type StatusCode } from "./errors.js";
export type { CallOptions, ServiceClient } from "./service.js";
export { TextStream } from "./texts.js";

/** How to connect. */
export interface ConnectOptions extends Omit<CallOptions, "signal"> {
  /**
   * The server's `host:port`; `grpcs://host:port` is called over TLS. Undefined: the environment's
   * FUNLAND_SERVER, else 127.0.0.1:50051.
   */
  readonly address?: string;
  /** An access key or token. Undefined: the environment's FUNLAND_KEY; empty: none is sent. */
  readonly key?: string;
  /** A file with the certificates to believe, in PEM. Undefined: the environment's FUNLAND_CA, else the machine's. */
  readonly ca?: string;
}

/** Makes a connection; the first call opens it. An idle one keeps no process alive. */
export function connect(options: ConnectOptions = {}): Funland {
  const { address, key, ca, ...defaults } = options;
  const believed = ca ?? process.env["FUNLAND_CA"];
  const named = address || process.env["FUNLAND_SERVER"] || "127.0.0.1:50051";
  const place = placeOf(believed && !named.includes("://") ? `grpcs://${named}` : named);
  const headers = credentials(key ?? process.env["FUNLAND_KEY"] ?? "", place);
  const nodeOptions = believed ? { ca: readFileSync(believed) } : {};
  const sessions = new Http2SessionManager(place.url, {}, nodeOptions);
  const transport = createGrpcTransport({
    baseUrl: place.url,
    sessionManager: sessions,
    interceptors: [withHeaders(headers)],
  });
  return new Funland(transport, defaults, () => sessions.abort());
}
