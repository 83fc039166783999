// How a conversation is answered.
import { html, signal } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { chatModels } from "../lib/models.js";
import { Button } from "../parts/button.js";
import { Dialog } from "../parts/dialog.js";
import { Form } from "../parts/form.js";
import { numberOf, SelectField, TextField, NumberField } from "../parts/fields.js";

const NUMBERS = ["temperature", "top_p", "max_tokens", "seed"];

/** The choices of a conversation, each a signal with a text. `of` is a Session, or nothing yet. */
export function choices(of = {}) {
  const sampling = of.sampling ?? {};
  return {
    model: signal(of.model ?? ""),
    system_message: signal(of.system_message ?? ""),
    reasoning: signal(of.reasoning === undefined || of.reasoning === null ? "" : String(of.reasoning)),
    overflow: signal(of.overflow && of.overflow !== "OVERFLOW_UNSPECIFIED" ? of.overflow : "DROP_OLDEST"),
    tools: signal(of.tools?.length ? JSON.stringify(of.tools, null, 2) : ""),
    ...Object.fromEntries(NUMBERS.map((each) => [each, signal(sampling[each] === undefined || sampling[each] === null ? "" : String(rounded(sampling[each])))])),
  };
}

/** The request that has them; throws SyntaxError where the functions are no JSON. `kept` is what the session has of sampling beside. */
export function request(chosen, kept = {}) {
  const sampling = Object.fromEntries(
    Object.entries({ ...kept, ...Object.fromEntries(NUMBERS.map((each) => [each, numberOf(chosen[each].value)])) }).filter(([, value]) => value !== undefined && value !== null),
  );
  return {
    model: chosen.model.value,
    system_message: chosen.system_message.value,
    sampling,
    overflow: chosen.overflow.value,
    ...(chosen.reasoning.value && { reasoning: chosen.reasoning.value === "true" }),
    ...(chosen.tools.value.trim() && { tools: JSON.parse(chosen.tools.value) }),
  };
}

/** A float of 32 bits as it was written. */
const rounded = (value) => Number(Number(value).toPrecision(6));

export function SettingsDialog({ chosen, isNew, onSave, onClose }) {
  const save = async () => {
    try {
      request(chosen);
    } catch {
      throw new Error(t("chat.tools.wrong"));
    }
    await onSave();
    onClose();
  };
  const models = chatModels.value.map((each) => [each.model_id, each.model_id]);
  if (!models.some(([id]) => id === chosen.model.value)) models.unshift([chosen.model.value, chosen.model.value || t("chat.default.model")]);
  return html`<${Dialog} title=${t("chat.settings")} onClose=${onClose}>
    <${Form} class="stack" onSend=${save}>
      <${SelectField} label=${t("model")} value=${chosen.model} options=${models} />
      <${TextField} label=${t("chat.system")} hint=${t("chat.system.hint")} value=${chosen.system_message} area rows="3" />
      <div class="columns">
        <${NumberField} label=${t("chat.temperature")} hint="0 – 2" value=${chosen.temperature} min="0" max="2" step="any" />
        <${NumberField} label=${t("chat.top_p")} hint="0 – 1" value=${chosen.top_p} min="0" max="1" step="any" />
        <${NumberField} label=${t("chat.max_tokens")} value=${chosen.max_tokens} min="1" step="1" />
        <${NumberField} label=${t("seed")} value=${chosen.seed} min="0" step="1" />
      </div>
      <div class="columns">
        <${SelectField} label=${t("chat.reasoning")} value=${chosen.reasoning} options=${[["", t("chat.reasoning.auto")], ["true", t("on")], ["false", t("off")]]} />
        <${SelectField} label=${t("chat.overflow")} value=${chosen.overflow} options=${[["DROP_OLDEST", t("chat.overflow.drop")], ["FAIL", t("chat.overflow.fail")]]} />
      </div>
      ${isNew && html`<${TextField} label=${t("chat.tools")} hint=${t("chat.tools.hint")} value=${chosen.tools} area rows="4" class="mono" spellcheck=${false} />`}
      <footer><${Button} onPress=${onClose}>${t("cancel")}<//><${Button} kind="primary" type="submit">${t("save")}<//></footer>
    <//>
  <//>`;
}
