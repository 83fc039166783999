// The list of conversations, and the search in them.
import { effect, html, signal, useEffect, useSignal } from "../lib/html.js";
import { get } from "../lib/api.js";
import { connection, epoch } from "../lib/connection.js";
import { t } from "../lib/i18n.js";
import { href } from "../lib/router.js";
import { Button } from "../parts/button.js";
import { Icon } from "../parts/icons.js";
import { tellProblem } from "../lib/notices.js";
import { followed } from "./followed.js";
import { refreshed } from "./listed.js";

const PAGE = 50;
const TYPING_MS = 250;
const LOOK_MS = 4000; // between two looks whether other clients have said something: nothing tells of all conversations

const sessions = signal([]);
const more = signal("");
const query = signal("");
const known = signal(false);

/** Reads the list anew, or goes on with it. */
export async function readSessions(pageToken = "") {
  const page = await get("/sessions", { query: query.value, page_size: PAGE, page_token: pageToken });
  sessions.value = pageToken ? [...sessions.value, ...page.sessions] : page.sessions;
  more.value = page.next_page_token;
  known.value = true;
}

/** Reads the first page anew, and leaves those that came after it. */
async function look() {
  const asked = query.value;
  const { sessions: fresh, next_page_token: next } = await get("/sessions", { query: asked, page_size: PAGE });
  if (asked !== query.value || !known.value) return;
  if (sessions.value.length <= PAGE || !next) more.value = next;
  sessions.value = refreshed(sessions.value, fresh, !next);
}

const read = () => readSessions().catch(tellProblem);

export function SessionList({ current }) {
  const typed = useSignal(query.value);
  useEffect(() => {
    const timer = setTimeout(() => {
      query.value = typed.value.trim();
      read();
    }, known.value ? TYPING_MS : 0);
    return () => clearTimeout(timer);
  }, [typed.value]);
  // Others may have said something meanwhile: when the server is there again, or the page is looked at.
  useEffect(() => {
    const seen = () => document.hidden || read();
    document.addEventListener("visibilitychange", seen);
    const looking = setInterval(() => !document.hidden && connection.peek() === "ok" && look().catch(() => {}), LOOK_MS);
    let first = true;
    const end = effect(() => {
      epoch.value;
      if (!first && connection.peek() === "ok") read();
      first = false;
    });
    return () => {
      end();
      clearInterval(looking);
      document.removeEventListener("visibilitychange", seen);
    };
  }, []);
  return html`<div class="sessions">
    <div class="sessions-head">
      <a class="button" href=${href("chat")}><${Icon} name="plus" />${t("chat.new")}</a>
      <label class="search-box"><${Icon} name="search" /><span class="sr">${t("chat.search")}</span>
        <input type="search" placeholder=${t("chat.search")} value=${typed.value} onInput=${(event) => (typed.value = event.target.value)} />
      </label>
    </div>
    <ul class="session-list" aria-label=${t("chat.sessions")}>
      ${sessions.value.map((each) => html`<${SessionLink} key=${each.session_id} session=${each} isCurrent=${each.session_id === current} />`)}
    </ul>
    ${known.value && sessions.value.length === 0 && html`<p class="muted pad">${t(query.value ? "chat.search.none" : "chat.none")}</p>`}
    ${more.value && html`<${Button} kind="plain" onPress=${() => readSessions(more.value)}>${t("more")}<//>`}
  </div>`;
}

function SessionLink({ session, isCurrent }) {
  const talk = followed(session.session_id);
  const now = talk?.session.value ?? session;
  const busy = talk ? Boolean(talk.answering.value) : session.state === "ANSWERING";
  return html`<li><a href=${href("chat", session.session_id)} aria-current=${isCurrent ? "page" : undefined}>
    <span class="session-title">${now.title || t("chat.untitled")}</span>
    ${busy && html`<span class="busy-dot" role="img" aria-label=${t("chat.writing")}></span>`}
  </a></li>`;
}
