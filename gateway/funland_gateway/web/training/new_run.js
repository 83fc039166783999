// Begins a run: a model, what it learns from, and how.
import { html, signal, useMemo, useSignal } from "../lib/html.js";
import { get, post } from "../lib/api.js";
import { bytes, number, span } from "../lib/format.js";
import { named, t } from "../lib/i18n.js";
import { useRead } from "../lib/loading.js";
import { go } from "../lib/router.js";
import { Button } from "../parts/button.js";
import { Dialog } from "../parts/dialog.js";
import { NumberField, numberOf, SelectField, TextField } from "../parts/fields.js";
import { Form } from "../parts/form.js";
import { Read } from "../parts/page.js";
import { Facts, Tag } from "../parts/showing.js";
import { NewDataset } from "./new_dataset.js";

const ASKED = ["epochs", "learning_rate", "batch_size", "rank", "max_steps", "evaluation_ratio"];

/** `project` is the id of the one that it is to belong to, and whose datasets are offered; none: all are. */
export function NewRun({ project = "", onClose }) {
  const choices = useRead(async (abort) => {
    const options = { signal: abort };
    const [models, templates, datasets] = await Promise.all([
      get("/training/models", {}, options), get("/training/templates", {}, options), get("/datasets", { page_size: 1000, project_id: project }, options),
    ]);
    return { models: models.models, templates: templates.templates.filter((each) => each.available), datasets: datasets.datasets };
  });
  return html`<${Dialog} title=${t("training.new")} onClose=${onClose} wide><${Read} of=${choices}>${(found) => html`<${Choices} found=${found} project=${project} onAgain=${choices.again} onClose=${onClose} />`}<//><//>`;
}

function Choices({ found, project, onAgain, onClose }) {
  const chosen = useMemo(() => ({
    model: signal(found.models[0]?.model_id ?? ""),
    dataset: signal(""),
    template: signal(found.templates[0]?.template_id ?? "lora"),
    name: signal(""),
    numbers: Object.fromEntries(ASKED.map((each) => [each, signal("")])),
  }), []);
  const ready = found.datasets.filter((each) => each.status === "READY");
  if (!ready.some((each) => each.dataset_id === chosen.dataset.value)) chosen.dataset.value = ready[0]?.dataset_id ?? "";
  const template = found.templates.find((each) => each.template_id === chosen.template.value);
  const numbers = (template?.hyperparameters ?? []).filter((each) => ASKED.includes(each.name));
  const request = {
    model_id: chosen.model.value,
    dataset_id: chosen.dataset.value,
    template_id: chosen.template.value,
    name: chosen.name.value,
    project_id: project,
    hyperparameters: Object.fromEntries(numbers.map(({ name }) => [name, numberOf(chosen.numbers[name].value)]).filter(([, value]) => value !== undefined)),
  };
  const estimate = useRead(
    async (abort) => {
      await new Promise((resolve) => setTimeout(resolve, 350));
      return request.dataset_id && request.model_id ? post("/training:estimate", request, { signal: abort }) : null;
    },
    [JSON.stringify(request)],
  );
  const start = async () => {
    const run = await post("/training", request);
    onClose();
    go("training", run.run_id);
  };
  if (found.models.length === 0) return html`<p>${t("training.no.model")}</p>`;
  return html`<div class="stack">
    <${NewDataset} project=${project} onMade=${async (id) => { await onAgain(); chosen.dataset.value = id; }} />
    <${Form} class="stack" onSend=${start}>
      <div class="columns">
        <${SelectField} label=${t("model")} value=${chosen.model} options=${found.models.map((each) => [each.model_id, each.model_id])} />
        <${SelectField} label=${t("training.dataset")} value=${chosen.dataset} options=${ready.length ? ready.map((each) => [each.dataset_id, each.name]) : [["", t("training.dataset.none")]]} />
        <${SelectField} label=${t("training.template")} value=${chosen.template} options=${found.templates.map((each) => [each.template_id, each.name])} />
      </div>
      <${TextField} label=${t("name")} value=${chosen.name} hint=${t("training.name.hint")} />
      <div class="columns">${numbers.map((each) => html`<${NumberField} key=${each.name} label=${named("hyper", each.name)} hint=${String(each.default_value)} value=${chosen.numbers[each.name]} min=${each.minimum} max=${each.maximum} step=${each.integer ? "1" : "any"} />`)}</div>
      ${estimate.value.value && html`<div class="stack"><${Facts} of=${[
        [t("memory"), bytes(estimate.value.value.memory_bytes)], [t("training.total.steps"), number(estimate.value.value.steps)], [t("training.trained"), number(estimate.value.value.trained_parameters)],
        [t("training.duration"), estimate.value.value.duration && span(estimate.value.value.duration)],
        [t("models.fit"), html`<${Tag} tone=${estimate.value.value.fits ? "good" : "bad"}>${t(estimate.value.value.fits ? "models.fits" : "models.fits.not")}<//>`],
      ]} /></div>`}
      <footer><${Button} onPress=${onClose}>${t("cancel")}<//><${Button} type="submit" kind="primary" disabled=${!chosen.dataset.value}>${t("training.start")}<//></footer>
    <//>
  </div>`;
}
