/** Where a server is, and what may be sent there. */

/** A server's place. */
export interface Place {
  /** Where calls go, such as `https://host:port`. */
  readonly url: string;
  readonly host: string;
  readonly encrypted: boolean;
}

const SCHEME = /^([a-z]+):\/\//i;
const ENCRYPTED = ["grpcs", "https"];

/** Reads `host:port`, `grpcs://host:port` or a URL. Throws a `TypeError` for what is none. */
export function placeOf(address: string): Place {
  const scheme = SCHEME.exec(address)?.[1]?.toLowerCase() ?? "";
  if (!["", "grpc", "http", ...ENCRYPTED].includes(scheme)) {
    throw new TypeError(`${address}: use host:port, grpcs://host:port or a URL of http or https.`);
  }
  const encrypted = ENCRYPTED.includes(scheme);
  const url = `${encrypted ? "https" : "http"}://${address.replace(SCHEME, "")}`;
  if (!URL.canParse(url)) throw new TypeError(`${address}: this is no address.`);
  return { url: url.replace(/\/+$/, ""), host: new URL(url).hostname, encrypted };
}

/** Whether what is sent to a host stays on this machine. Of names only `localhost` is believed to. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** The headers that tell who calls. Throws where a key would leave this machine in the open. */
export function credentials(key: string, place: Place): Record<string, string> {
  if (!key) return {};
  if (!place.encrypted && !isLoopback(place.host)) {
    throw new Error(`The key would be sent to ${place.host} in the open: use grpcs:// or https://.`);
  }
  return { authorization: `Bearer ${key}` };
}
