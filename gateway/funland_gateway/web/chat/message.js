// One message, with what can be done with it.
import { html, useSignal } from "../lib/html.js";
import { named, t } from "../lib/i18n.js";
import { number, span, tokenRate } from "../lib/format.js";
import { ApiError } from "../lib/problems.js";
import { Button, CopyButton } from "../parts/button.js";
import { Form } from "../parts/form.js";
import { Icon } from "../parts/icons.js";
import { Problem } from "../parts/notices.js";
import { Progress } from "../parts/showing.js";
import { mediaOf, Shown } from "./shown.js";
import { AnswerText } from "./text.js";

export function Message({ talk, entry, onEdit }) {
  if (entry.role === "TOOL") return html`<${ToolResult} entry=${entry} />`;
  return entry.role === "ASSISTANT" ? html`<${Answer} talk=${talk} entry=${entry} />` : html`<${Said} talk=${talk} entry=${entry} onEdit=${onEdit} />`;
}

function Said({ talk, entry, onEdit }) {
  const editing = useSignal(false);
  const text = useSignal("");
  const begin = () => {
    text.value = entry.text.value;
    editing.value = true;
  };
  const media = mediaOf(entry.about.value.message);
  const save = async () => {
    await onEdit(entry.id, text.value, media);
    editing.value = false;
  };
  return html`<article class="message said" aria-label=${t("chat.you")}>
    ${media.length > 0 && html`<${Shown} media=${media} />`}
    ${editing.value
      ? html`<${Form} class="edit" onSend=${save}>
          <textarea aria-label=${t("chat.edit")} rows="4" autofocus value=${text.value} onInput=${(event) => (text.value = event.target.value)}></textarea>
          <footer><${Button} onPress=${() => (editing.value = false)}>${t("cancel")}<//><${Button} type="submit" kind="primary" disabled=${!text.value.trim()}>${t("chat.send.again")}<//></footer>
        <//>`
      : entry.text.value && html`<div class="bubble">${entry.text}</div>`}
    <div class="tools">
      <${Branches} talk=${talk} entry=${entry} />
      <${CopyButton} text=${() => entry.text.value} />
      <${Button} icon="edit" label=${t("chat.edit")} onPress=${begin} />
    </div>
  </article>`;
}

function Answer({ talk, entry }) {
  const about = entry.about.value;
  const writing = about.state === "IN_PROGRESS";
  const again = () => talk.say({ regenerate_message_id: entry.id });
  return html`<article class="message answer" aria-label=${about.model || t("chat.answer")} aria-busy=${String(writing)}>
    <${Reasoning} entry=${entry} />
    <${AnswerText} entry=${entry} />
    ${entry.calls.value.map((call) => html`<${Call} key=${call.id} call=${call} />`)}
    ${writing && html`<${Phase} talk=${talk} entry=${entry} /><${Pace} entry=${entry} />`}
    ${about.error?.message && html`<${Problem} problem=${new ApiError(about.error)} />`}
    ${!writing &&
    html`<div class="tools">
      <${Branches} talk=${talk} entry=${entry} />
      <${CopyButton} text=${() => entry.text.value} />
      <${Button} icon="again" label=${t("chat.regenerate")} onPress=${again} />
      <${Took} about=${about} />
    </div>`}
  </article>`;
}

/** What an answer took: how fast, how long until the first token, what the cache had. */
function Took({ about }) {
  const { usage, timings, state } = about;
  const rate = tokenRate(usage, timings);
  const parts = [];
  if (state && state !== "COMPLETED") parts.push(named("answer", state));
  if (usage?.completion_tokens) parts.push(t("tokens", { n: number(usage.completion_tokens) }));
  if (Number.isFinite(rate)) parts.push(t("tokens.rate", { n: number(rate, rate < 100 ? 1 : 0) }));
  if (timings) parts.push(t("chat.first", { time: span(((timings.queue_ms ?? 0) + (timings.prompt_ms ?? 0)) / 1000) }));
  if (usage?.cached_prompt_tokens) parts.push(t("chat.cached", { n: number(usage.cached_prompt_tokens), all: number(usage.prompt_tokens) }));
  if (usage?.dropped_messages) parts.push(t("chat.dropped", { n: number(usage.dropped_messages) }));
  return html`<span class="took">${about.model && html`<span>${about.model}</span>`}${parts.map((each) => html`<span>${each}</span>`)}</span>`;
}

/** How fast it comes, as far as it did. */
function Pace({ entry }) {
  const pace = entry.pace.value;
  const prompt = entry.prompt.value;
  if (!pace) return null;
  const parts = [t("tokens", { n: number(pace.tokens) })];
  if (pace.rate !== undefined) parts.push(t("tokens.rate", { n: number(pace.rate, pace.rate < 100 ? 1 : 0) }));
  if (prompt?.cached) parts.push(t("chat.cached", { n: number(prompt.cached), all: number(prompt.total) }));
  return html`<div class="tools"><span class="pace">${parts.map((each) => html`<span>${each}</span>`)}</span></div>`;
}

function Reasoning({ entry }) {
  const text = entry.reasoning.value;
  if (!text) return null;
  const thinking = entry.writing && !entry.text.value;
  return html`<details class="reasoning">
    <summary>${t(thinking ? "chat.thinking" : "chat.thought")}</summary>
    <div>${entry.reasoning}</div>
  </details>`;
}

function Call({ call }) {
  return html`<div class="call">
    <div class="call-head"><${Icon} name="settings" /><strong>${call.name}</strong><span class="muted">${t("chat.call")}</span></div>
    <pre tabindex="0">${pretty(call.arguments)}</pre>
  </div>`;
}

function ToolResult({ entry }) {
  return html`<article class="message result" aria-label=${t("chat.result")}>
    <div class="call">
      <div class="call-head"><${Icon} name="check" /><strong>${entry.about.value.message?.name || t("chat.result")}</strong></div>
      <pre tabindex="0">${pretty(entry.text.value)}</pre>
    </div>
  </article>`;
}

/** What an answer waits for that has not begun. */
function Phase({ talk, entry }) {
  const phase = talk.phase.value;
  if (entry.text.value || entry.reasoning.value || entry.calls.value.length) return null;
  if (phase?.loading) {
    const { stage, fraction, waiting_for: why } = phase.loading;
    return html`<div class="phase"><span>${why || named("stage", stage)}</span><${Progress} value=${fraction} label=${t("models.loading")} /></div>`;
  }
  if (phase?.queued) return html`<div class="phase">${t("chat.queued", { n: number(phase.queued.position) })}</div>`;
  if (phase?.prefill) {
    const { done = 0, total = 1 } = phase.prefill;
    return html`<div class="phase"><span>${t("chat.prefill", { done: number(done), total: number(total) })}</span><${Progress} value=${done / total} label=${t("chat.reading")} /></div>`;
  }
  return html`<div class="phase"><span class="dots" aria-hidden="true"><i></i><i></i><i></i></span><span class="sr">${t("chat.writing")}</span></div>`;
}

function Branches({ talk, entry }) {
  talk.branch.value; // another branch may have come
  const all = talk.siblings(entry.id);
  if (all.length < 2) return null;
  const at = all.indexOf(entry.id);
  return html`<span class="branches" role="group" aria-label=${t("chat.branches")}>
    <${Button} icon="left" label=${t("chat.branch.before")} disabled=${at === 0} onPress=${() => talk.choose(all[at - 1])} />
    <span>${at + 1}/${all.length}</span>
    <${Button} icon="right" label=${t("chat.branch.after")} disabled=${at === all.length - 1} onPress=${() => talk.choose(all[at + 1])} />
  </span>`;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
