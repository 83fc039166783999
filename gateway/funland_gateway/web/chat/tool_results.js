// Asks for what the functions gave that the model wants called.
import { html, signal, useMemo } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { Button } from "../parts/button.js";
import { TextField } from "../parts/fields.js";
import { Form } from "../parts/form.js";

export function ToolResults({ talk }) {
  const last = talk.entry(talk.branch.value.at(-1));
  const calls = last?.role === "ASSISTANT" && !last.writing ? last.calls.value : [];
  if (!calls.length) return null;
  return html`<${Results} key=${last.id} talk=${talk} calls=${calls} />`;
}

function Results({ talk, calls }) {
  const texts = useMemo(() => calls.map(() => signal("")), []);
  const send = () =>
    talk.say({ tool_results: calls.map((call, at) => ({ tool_call_id: call.id, name: call.name, content: texts[at].value })) });
  return html`<${Form} class="tool-results" onSend=${send}>
    ${calls.map((call, at) => html`<${TextField} key=${call.id} label=${t("chat.result.of", { name: call.name })} value=${texts[at]} area rows="2" class="mono" />`)}
    <footer><${Button} kind="primary" type="submit">${t("chat.result.send")}<//></footer>
  <//>`;
}
