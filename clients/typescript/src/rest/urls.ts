/** Where a request's fields go: path, query or body. */

import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

import type { Route } from "./routes.js";

const VARIABLE = /\{([a-z][a-z0-9_]*)(=\*\*)?\}/g;

/** A request as HTTP has it. */
export interface HttpRequest {
  readonly httpMethod: string;
  /** With its query. */
  readonly path: string;
  /** JSON; undefined: there is no body, or it is raw. */
  readonly body: string | undefined;
}

/**
 * Puts a message's JSON, by the contract's names, where its route wants it. Throws a `TypeError`
 * for an empty variable of the path and for what a query can't hold.
 */
export function httpRequest(route: Route, message: JsonObject): HttpRequest {
  const fields = { ...message };
  const path = route.template.replace(VARIABLE, (_, name: string, several?: string) => {
    const text = String(fields[name] ?? "");
    if (!text) throw new TypeError(`${name}: it is a part of the path, so it can't be empty.`);
    delete fields[name];
    return (several ? text.split("/") : [text]).map(encodeURIComponent).join("/");
  });
  if (route.body === "*") return { httpMethod: route.httpMethod, path, body: JSON.stringify(fields) };
  if (route.body) delete fields[route.body];
  const query = new URLSearchParams(parameters(fields)).toString();
  return { httpMethod: route.httpMethod, path: query ? `${path}?${query}` : path, body: undefined };
}

/** A message's fields as query parameters: nested ones by paths with dots, repeated ones again and again. */
export function parameters(fields: JsonObject, prefix = ""): [string, string][] {
  return Object.entries(fields).flatMap(([name, value]) => parameter(prefix + name, value));
}

function parameter(name: string, value: JsonValue): [string, string][] {
  if (Array.isArray(value)) return value.map((item) => [name, scalar(name, item)]);
  if (value !== null && typeof value === "object") return parameters(value, `${name}.`);
  return [[name, scalar(name, value)]];
}

function scalar(name: string, value: JsonValue): string {
  if (value === null || typeof value === "object") throw new TypeError(`${name}: a query can't hold this.`);
  return String(value);
}
