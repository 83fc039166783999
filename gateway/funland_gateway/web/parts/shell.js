// The frame around every page: where one can go, how the server is, theme, language and login.
import { effect, html, useEffect, useRef, useSignal } from "../lib/html.js";
import { connection } from "../lib/connection.js";
import { choose, language, LANGUAGES, t } from "../lib/i18n.js";
import { keep, kept } from "../lib/kept.js";
import { forget, may, who } from "../lib/auth.js";
import { post } from "../lib/api.js";
import { href, place } from "../lib/router.js";
import { Button } from "./button.js";
import { Icon } from "./icons.js";
import { Notices } from "./notices.js";

export const PLACES = ["chat", "models", "downloads", "devices", "tasks", "pictures", "speech", "training", "projects", "logs", "keys", "users"];
const ADMINS = ["users"]; // places that only they are shown
const THEMES = { system: "system", light: "sun", dark: "moon" };

effect(() => {
  const { page } = place.value;
  document.title = PLACES.includes(page) ? `${t(`page.${page}`)} · Funland` : "Funland";
});

export function Shell({ children }) {
  const menu = useSignal(false);
  const main = useRef(null);
  const { page } = place.value;
  useEffect(() => {
    menu.value = false;
  }, [place.value]);
  const skip = (event) => {
    event.preventDefault();
    main.current.focus();
  };
  return html`<div class="shell ${menu.value ? "menu-open" : ""}">
    <a class="skip" href="#main" onClick=${skip}>${t("skip")}</a>
    <header class="bar">
      <${Button} icon=${menu.value ? "close" : "menu"} label=${t("menu")} aria-expanded=${String(menu.value)} aria-controls="places" onPress=${() => (menu.value = !menu.value)} />
      <span class="bar-title">${t(`page.${page}`)}</span>
    </header>
    <nav class="side" id="places" aria-label=${t("places")}>
      <a class="brand" href=${href("chat")}><${Brand} />Funland</a>
      <ul>
        ${PLACES.filter((each) => !ADMINS.includes(each) || may("admin")).map((each) => html`<li key=${each}><a href=${href(each)} aria-current=${each === page ? "page" : undefined}><${Icon} name=${each} />${t(`page.${each}`)}</a></li>`)}
      </ul>
      <div class="side-foot">
        <${Account} />
        <a class="quiet" href="/docs">${t("api.reference")}</a>
        <div class="choices"><${ThemeChoice} /><${LanguageChoice} /></div>
      </div>
    </nav>
    <main id="main" tabindex="-1" ref=${main}>
      <${ConnectionBar} />
      ${children}
    </main>
    <${Notices} />
  </div>`;
}

function Brand() {
  return html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" /><path d="M10 24V9.5h13M10 16.5h10" /></svg>`;
}

function ConnectionBar() {
  const state = connection.value;
  return html`<div class="connection" role="status">${state !== "ok" && html`<p><${Icon} name="warn" />${t(state === "stopping" ? "stopping" : "lost")}</p>`}</div>`;
}

function Account() {
  if (!who.value) return null;
  const leave = async () => {
    const old = forget();
    if (old?.refresh) await post("/auth/token:revoke", { token: old.refresh });
    location.reload();
  };
  return html`<div class="account"><span>${who.value.name}</span><${Button} icon="logout" label=${t("logout")} onPress=${leave} /></div>`;
}

function ThemeChoice() {
  const theme = useSignal(kept("theme") ?? "system");
  const set = (value) => {
    theme.value = value;
    keep("theme", value === "system" ? null : value);
    if (value === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = value;
  };
  return html`<div class="segments" role="group" aria-label=${t("theme")}>
    ${Object.entries(THEMES).map(([each, icon]) => html`<button key=${each} type="button" aria-pressed=${String(theme.value === each)} aria-label=${t(`theme.${each}`)} title=${t(`theme.${each}`)} onClick=${() => set(each)}><${Icon} name=${icon} /></button>`)}
  </div>`;
}

function LanguageChoice() {
  return html`<div class="segments" role="group" aria-label=${t("language")}>
    ${Object.entries(LANGUAGES).map(([each, name]) => html`<button key=${each} type="button" lang=${each} aria-pressed=${String(language.value === each)} onClick=${() => choose(each)}>${name}</button>`)}
  </div>`;
}
