// Starts the page: its language first, then the frame, and each page's module when one goes there.
import { html, render, signal, useEffect } from "./lib/html.js";
import { accounts, loginNeeded, me } from "./lib/auth.js";
import { get } from "./lib/api.js";
import { language, speak, t } from "./lib/i18n.js";
import { watchModels } from "./lib/models.js";
import { place } from "./lib/router.js";
import { LostError } from "./lib/problems.js";
import { Login } from "./parts/login.js";
import { Problem } from "./parts/notices.js";
import { PLACES, Shell } from "./parts/shell.js";
import { Empty, Loading } from "./parts/showing.js";
import { ChatPage } from "./pages/chat.js";

const pages = signal({ chat: ChatPage });
const broken = signal(null);

async function bring(name) {
  if (name in pages.value || !PLACES.includes(name)) return;
  const { Page } = await import(`./pages/${name}.js`);
  pages.value = { ...pages.value, [name]: Page };
}

function App() {
  const { page, rest } = place.value;
  useEffect(() => {
    bring(page);
  }, [page]);
  useEffect(() => {
    if (loginNeeded.value) return undefined;
    if (accounts.value && !me.value) askWhoCalls(); // somebody has logged in
    return watchModels();
  }, [loginNeeded.value]);
  if (loginNeeded.value) return html`<${Login} />`;
  const Current = pages.value[page];
  return html`<${Shell}>
    ${broken.value
      ? html`<${Problem} problem=${broken.value} />`
      : Current
        ? html`<${Current} key=${page} rest=${rest} />`
        : PLACES.includes(page)
          ? html`<${Loading} />`
          : html`<${Empty} title=${t("nothing.here")}><p><a href="#/chat">${t("page.chat")}</a></p><//>`}
  <//>`;
}

/** Whether somebody must log in is asked before anything is shown. */
async function askWhoCalls() {
  try {
    const health = await get("/health");
    accounts.value = health.identity_required ?? false;
    if (accounts.value) me.value = await get("/auth/me");
  } catch (problem) {
    if (!(problem instanceof LostError) && problem.status !== 401) broken.value = problem;
  }
}

async function begin() {
  await Promise.all([speak(language.value), askWhoCalls()]);
  render(html`<${App} />`, document.getElementById("app"));
}

begin();
