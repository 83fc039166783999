/** Headers that go with every call. */

import type { Interceptor } from "@connectrpc/connect";

/** Sends `headers` with each call. */
export function withHeaders(headers: Readonly<Record<string, string>>): Interceptor {
  return (next) => (request) => {
    for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
    return next(request);
  };
}
