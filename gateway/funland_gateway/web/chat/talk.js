// One conversation: its head, its messages, and where one writes.
import { effect, html, useEffect, useMemo, useSignal } from "../lib/html.js";
import { blob, path, patch, post, remove } from "../lib/api.js";
import { number } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { model } from "../lib/models.js";
import { go, href } from "../lib/router.js";
import { saveAs } from "../lib/saving.js";
import { Button } from "../parts/button.js";
import { Confirm, Dialog } from "../parts/dialog.js";
import { TextField } from "../parts/fields.js";
import { Form } from "../parts/form.js";
import { Menu } from "../parts/menu.js";
import { Problem } from "../parts/notices.js";
import { Empty, Loading, Meter } from "../parts/showing.js";
import { Composer } from "./composer.js";
import { drop } from "./followed.js";
import { MessageList } from "./list.js";
import { contextUsed } from "./pace.js";
import { conversation } from "./open.js";
import { readSessions } from "./sessions.js";
import { choices, request, SettingsDialog } from "./settings.js";
import { ToolResults } from "./tool_results.js";

export { conversation };
export { ready } from "../lib/markdown.js";

export function Talk({ id }) {
  const talk = useMemo(() => conversation(id), [id]);
  const asked = useSignal(""); // which dialog
  const chosen = useMemo(() => ({ now: null }), [id]);
  // The list shows what is new: a title, which was said last.
  useEffect(() => effect(() => talk.session.value?.title && !talk.answering.value && readSessions().catch(() => {})), [talk]);
  if (talk.gone.value) {
    return html`<section class="talk"><${Empty} title=${t("chat.gone")}><p><a href=${href("chat")}>${t("chat.new")}</a></p><//></section>`;
  }
  if (!talk.known.value) {
    return html`<section class="talk">${talk.problem.value ? html`<${Problem} problem=${talk.problem.value} />` : html`<${Loading} />`}</section>`;
  }
  const session = talk.session.value;
  const settings = () => {
    chosen.now = choices(session);
    asked.value = "settings";
  };
  const save = async () => {
    const { tools, ...wanted } = request(chosen.now, session.sampling);
    talk.session.value = await patch(path("sessions", id), wanted);
  };
  const fork = async () => {
    const made = await post(`${path("sessions", id)}:fork`);
    readSessions();
    go("chat", made.session_id);
  };
  const download = async (format, ending) => saveAs(await blob(`${path("sessions", id)}:export`, { format }), `${session.title || "chat"}.${ending}`);
  const erase = async () => {
    await remove(path("sessions", id));
    drop(id);
    go("chat");
    readSessions();
  };
  const close = () => (asked.value = "");
  return html`<section class="talk">
    <header class="talk-head">
      <a class="button bare back" href=${href("chat")} aria-label=${t("chat.sessions")}>‹</a>
      <h2>${session.title || t("chat.untitled")}</h2>
      <${ContextGauge} talk=${talk} />
      <${Menu} label=${t("chat.menu")} items=${[
        [t("chat.settings"), settings],
        [t("rename"), () => (asked.value = "rename")],
        [t("chat.fork"), fork],
        [t("chat.export.md"), () => download("MARKDOWN", "md")],
        [t("chat.export.json"), () => download("JSON", "json")],
        [t("delete"), () => (asked.value = "delete"), "danger"],
      ]} />
    </header>
    <${MessageList} key=${id} talk=${talk} onEdit=${(message, text, media) => talk.say({ ...(media.length ? { parts: [...media, { text }] } : { content: text }), edit_message_id: message })} />
    <${ToolResults} talk=${talk} />
    <${Composer} takes=${model(session.model)} onSend=${(what) => talk.say(what)} onStop=${() => talk.stop()} answering=${talk.answering.value} problem=${talk.problem.value}>
      <button type="button" class="button plain small" onClick=${settings}>${session.model}</button>
    <//>
    ${asked.value === "settings" && html`<${SettingsDialog} chosen=${chosen.now} onSave=${save} onClose=${close} />`}
    ${asked.value === "rename" && html`<${Rename} talk=${talk} onClose=${close} />`}
    ${asked.value === "delete" && html`<${Confirm} title=${t("chat.delete")} text=${t("chat.delete.sure", { title: session.title })} action=${t("delete")} onYes=${erase} onClose=${close} />`}
  </section>`;
}

/** How much of the model's context the conversation takes, as its last answer says, or the one that comes. */
function ContextGauge({ talk }) {
  const last = talk.branch.value.findLast((each) => talk.entry(each).about.value.usage?.total_tokens);
  const before = last && Number(talk.entry(last).about.value.usage.total_tokens);
  const coming = talk.answering.value;
  const used = coming ? contextUsed({ prompt: coming.prompt.value, pace: coming.pace.value }, before) : before;
  const all = model(talk.session.value.model)?.loaded?.context_length;
  if (!used || !all) return null;
  const label = t("chat.context", { used: number(used), all: number(all) });
  return html`<span class="gauge" title=${label}><${Meter} value=${used / all} label=${label} /><span>${number((100 * used) / all)} %</span></span>`;
}

function Rename({ talk, onClose }) {
  const title = useSignal(talk.session.value.title);
  const save = async () => {
    talk.session.value = await patch(path("sessions", talk.id), { title: title.value });
    onClose();
    readSessions();
  };
  return html`<${Dialog} title=${t("rename")} onClose=${onClose}>
    <${Form} class="stack" onSend=${save}>
      <${TextField} label=${t("chat.title")} value=${title} maxlength="256" autofocus />
      <footer><${Button} onPress=${onClose}>${t("cancel")}<//><${Button} kind="primary" type="submit">${t("save")}<//></footer>
    <//>
  <//>`;
}
