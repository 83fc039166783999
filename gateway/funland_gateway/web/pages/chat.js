// Conversations: the list of them, and the one that is shown.
import { html, signal, useEffect, useMemo, useSignal } from "../lib/html.js";
import { post } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { keep, kept } from "../lib/kept.js";
import { chatModels, model, modelsKnown } from "../lib/models.js";
import { go, href } from "../lib/router.js";
import { Button } from "../parts/button.js";
import { Loading } from "../parts/showing.js";
import { Composer } from "../chat/composer.js";
import { readSessions, SessionList } from "../chat/sessions.js";
import { choices, request, SettingsDialog } from "../chat/settings.js";

// What shows a conversation takes as long to begin as all else: who begins a new one need not wait for it.
const talk = signal(null);

async function bring() {
  const found = await import("../chat/talk.js");
  await found.ready;
  return (talk.value = found);
}

export function ChatPage({ rest: [id = ""] }) {
  useEffect(() => {
    if (id) bring();
    else (window.requestIdleCallback ?? setTimeout)(bring);
  }, [id]);
  return html`<div class="chat ${id ? "in-session" : ""}">
    <h1 class="sr">${t("page.chat")}</h1>
    <aside class="chat-side" aria-label=${t("chat.sessions")}><${SessionList} current=${id} /></aside>
    ${!id ? html`<${NewTalk} key="new" />` : talk.value ? html`<${talk.value.Talk} key=${id} id=${id} />` : html`<${Loading} />`}
  </div>`;
}

function NewTalk() {
  const chosen = useMemo(() => choices({ model: kept("model") ?? "" }), []);
  const settings = useSignal(false);
  const models = chatModels.value;
  const name = models.some((each) => each.model_id === chosen.model.value) ? chosen.model.value : (models[0]?.model_id ?? "");
  const send = async (what) => {
    const session = await post("/sessions", { ...request(chosen), model: name });
    const { conversation } = await bring();
    const opened = conversation(session.session_id);
    go("chat", session.session_id);
    await opened.say(what);
    readSessions();
  };
  const pick = (event) => {
    chosen.model.value = event.target.value;
    keep("model", event.target.value);
  };
  return html`<section class="talk new">
    <div class="welcome">
      <h2>${t("chat.welcome")}</h2>
      <p class="muted">${t("chat.welcome.more")}</p>
      ${modelsKnown.value && models.length === 0 && html`<p><a href=${href("models", "find")}>${t("chat.no.model")}</a></p>`}
      <div class="starters">${["chat.starter.1", "chat.starter.2", "chat.starter.3"].map((each) => html`<${Button} key=${each} onPress=${() => send({ content: t(each) })}>${t(each)}<//>`)}</div>
    </div>
    <${Composer} takes=${model(name)} onSend=${send}>
      <label class="pick"><span class="sr">${t("model")}</span><select value=${name} onChange=${pick}>${models.map((each) => html`<option key=${each.model_id} value=${each.model_id} selected=${each.model_id === name}>${each.model_id}</option>`)}</select></label>
      <${Button} icon="settings" label=${t("chat.settings")} onPress=${() => (settings.value = true)} />
    <//>
    ${settings.value && html`<${SettingsDialog} chosen=${chosen} isNew onSave=${() => {}} onClose=${() => (settings.value = false)} />`}
  </section>`;
}
