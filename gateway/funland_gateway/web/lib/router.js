// The page's addresses: `#/chat/SESSION`, so that the server has one document only.
import { signal } from "./html.js";

/** `{page, rest}` of where one is. */
export const place = signal(parse(location.hash));

addEventListener("hashchange", () => {
  place.value = parse(location.hash);
});

export function parse(hash) {
  const [page = "", ...rest] = hash.replace(/^#\/?/, "").split("/").map(decode);
  return { page: page || "chat", rest };
}

export const href = (...steps) => `#/${steps.map(encodeURIComponent).join("/")}`;

export function go(...steps) {
  location.hash = href(...steps);
}

/** Changes where one is without a step that "back" would go to. */
export function replace(...steps) {
  history.replaceState(null, "", href(...steps));
  place.value = parse(location.hash);
}

function decode(step) {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}
