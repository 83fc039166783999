// Calls of the native REST API, whose streams are server-sent events.
import { bearer, loginNeeded, renew } from "./auth.js";
import { lost } from "./connection.js";
import { ApiError, isAbort, LostError } from "./problems.js";
import { eventsOf } from "./sse.js";

const ROOT = "/funland/v1";
const SILENCE_MS = 60_000; // the server has something to say at least every 15 s
const STOPPING = "SERVER_STOPPING";
const WRONG = "PASSWORD_WRONG"; // of a form, which tells it: who calls is known, or just says so

export const get = (path, query, options) => json("GET", path, { query, ...options });
export const post = (path, body = {}, options) => json("POST", path, { body, ...options });
export const patch = (path, body, options) => json("PATCH", path, { body, ...options });
export const put = (path, body, options) => json("PUT", path, { body, ...options });
export const remove = (path, options) => json("DELETE", path, options);

/** All pages of a list: `field` names what each page has. */
export async function all(path, field, query = {}, options) {
  const found = [];
  let pageToken = "";
  do {
    const page = await get(path, { ...query, page_token: pageToken }, options);
    found.push(...(page[field] ?? []));
    pageToken = page.next_page_token;
  } while (pageToken);
  return found;
}

/** A body that is no JSON, such as an export or a file, as a Blob. */
export async function blob(path, query, options) {
  return (await send("GET", path, { query, ...options })).blob();
}

/** Sends a file as it is; the answer is JSON. */
export async function upload(path, query, file, options) {
  const response = await send("POST", path, {
    query,
    raw: file,
    headers: { "content-type": "application/octet-stream" },
    ...options,
  });
  return response.json();
}

/** The messages of a stream. It ends as the server ends it; throws ApiError or LostError where it does not. */
export async function* stream(method, path, { query, body, signal } = {}) {
  const response = await send(method, path, { query, body, signal, headers: { accept: "text/event-stream" } });
  let ended = false;
  try {
    const silent = () => new LostError("The server has fallen silent.");
    for await (const { event, data } of eventsOf(response, SILENCE_MS, silent)) {
      if (event === "end") {
        ended = true; // and the body ends with it
        continue;
      }
      const message = JSON.parse(data);
      if (event === "error") {
        ended = true;
        throw refused(message.error, 200);
      }
      yield message;
    }
  } catch (problem) {
    if (isAbort(problem) || problem instanceof ApiError) throw problem;
    lost();
    throw problem instanceof LostError ? problem : new LostError();
  }
  if (!ended && !signal?.aborted) {
    lost();
    throw new LostError();
  }
}

async function json(method, path, options) {
  const response = await send(method, path, options);
  return response.json();
}

async function send(method, path, { query, body, raw, headers = {}, signal } = {}) {
  const url = ROOT + path + search(query);
  for (let again = true; ; again = false) {
    const token = bearer();
    let response;
    try {
      response = await fetch(url, {
        method,
        signal,
        cache: "no-store",
        headers: {
          ...(token && { authorization: `Bearer ${token}` }),
          ...(body !== undefined && { "content-type": "application/json" }),
          ...headers,
        },
        body: raw ?? (body === undefined ? undefined : JSON.stringify(body)),
      });
    } catch (problem) {
      if (isAbort(problem)) throw problem;
      lost();
      throw new LostError();
    }
    if (response.ok) return response;
    const problem = await refusal(response);
    if (response.status === 401 && problem.reason !== WRONG) {
      if (again && token && (await renew(token))) continue;
      loginNeeded.value = true;
    }
    throw problem;
  }
}

async function refusal(response) {
  const requestId = response.headers.get("x-request-id") ?? "";
  let body = {};
  try {
    body = await response.json();
  } catch {
    // A proxy's own page: the status has to do.
  }
  return refused(body.error ?? body, response.status, requestId);
}

function refused(error, status, requestId) {
  const problem = new ApiError(error ?? {}, status, requestId);
  if (problem.reason === STOPPING) lost("stopping");
  return problem;
}

/** `?a=1&b=2&b=3`; what is empty or not there is left out. */
export function search(query = {}) {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of [value].flat()) {
      if (each !== undefined && each !== null && each !== "" && each !== false) parts.append(name, each);
    }
  }
  const text = parts.toString();
  return text && `?${text}`;
}

/** A path with its variables: `path("models", id) + ":load"`. */
export const path = (...steps) => `/${steps.map(encodeURIComponent).join("/")}`;
