// Who uses the page, where the server has accounts.
//
// What counts is in this tab's session storage, and gone with the tab. A refresh token counts once, and a tab that is duplicated has the same
// one: so they take turns by a lock, and tell one another what they got.
import { signal } from "./html.js";

const STORE = "funland.login";

/** Whether somebody must log in before anything else can be asked. */
export const loginNeeded = signal(false);

/** Whether the server has accounts. */
export const accounts = signal(false);

/** Who calls and what they may, as the contract's `CurrentUser` has it; null: nobody, or no accounts. */
export const me = signal(null);

/** Whether the caller may do what a scope is for: all may where there are no accounts. */
export const may = (scope) => !accounts.value || Boolean(me.value?.scopes?.includes(scope));

/** `{name}` of who is logged in; null: nobody, or no accounts. */
export const who = signal(null);

let login = read(); // {id, access, refresh, name}; a key has no refresh token
who.value = login && { name: login.name };

const others = "BroadcastChannel" in window ? new BroadcastChannel("funland.login") : null;
if (others) {
  others.onmessage = ({ data }) => {
    if (login && data.id === login.id && data.login) write(data.login);
  };
}

export const bearer = () => login?.access ?? "";

export function useLogin(token, name) {
  write({ id: crypto.randomUUID?.() ?? String(Math.random()), access: token.access_token, refresh: token.refresh_token ?? "", name });
  loginNeeded.value = false;
}

export function forget() {
  const old = login;
  write(null);
  return old;
}

/**
 * Gets another access token if there is a way to; says whether there is one now. `spent` is the one that was refused: if another tab or
 * call has renewed it meanwhile, that is all.
 */
export async function renew(spent) {
  const turn = async () => {
    if (!login) return false;
    if (login.access !== spent) return true;
    if (!login.refresh) return false;
    const response = await fetch("/funland/v1/auth/token", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ refresh_token: login.refresh }),
    });
    if (!response.ok) return false;
    const token = await response.json();
    write({ ...login, access: token.access_token, refresh: token.refresh_token });
    others?.postMessage({ id: login.id, login });
    return true;
  };
  return navigator.locks ? navigator.locks.request("funland.login", turn) : turn();
}

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(STORE));
  } catch {
    return null;
  }
}

function write(value) {
  login = value;
  who.value = value && { name: value.name };
  try {
    if (value) sessionStorage.setItem(STORE, JSON.stringify(value));
    else sessionStorage.removeItem(STORE);
  } catch {
    // It lasts as long as the page then.
  }
}
