// Models on hubs: searched, looked at, downloaded.
import { html, useEffect, useSignal } from "../lib/html.js";
import { get, post } from "../lib/api.js";
import { bytes, count, number, time } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { useRead } from "../lib/loading.js";
import { go } from "../lib/router.js";
import { Button } from "../parts/button.js";
import { Dialog } from "../parts/dialog.js";
import { SelectField } from "../parts/fields.js";
import { Icon } from "../parts/icons.js";
import { tell } from "../lib/notices.js";
import { Read } from "../parts/page.js";
import { Empty, Facts, Tag } from "../parts/showing.js";

const TYPING_MS = 400;
export const HUBS = { MODELSCOPE: "ModelScope", HUGGINGFACE: "Hugging Face", OLLAMA: "Ollama" };
const SORTS = ["SORT_UNSPECIFIED", "DOWNLOADS", "LIKES", "UPDATED"];

export function FindModels() {
  const typed = useSignal("");
  const query = useSignal("");
  const hub = useSignal("");
  const sort = useSignal(SORTS[0]);
  const format = useSignal("GGUF");
  const shown = useSignal(null);
  useEffect(() => {
    const timer = setTimeout(() => (query.value = typed.value.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed.value]);
  const found = useRead(
    (signal) =>
      query.value
        ? get("/hubs:search", { query: query.value, hub: hub.value, sort: sort.value, format: format.value, page_size: 30 }, { signal })
        : get("/hubs:trending", { hub: hub.value, limit: 12 }, { signal }),
    [query.value, hub.value, sort.value, format.value],
  );
  return html`<div class="stack">
    <div class="find">
      <label class="search-box"><${Icon} name="search" /><span class="sr">${t("models.search")}</span>
        <input type="search" placeholder=${t("models.search")} value=${typed.value} onInput=${(event) => (typed.value = event.target.value)} /></label>
      <${SelectField} label=${t("models.hub")} value=${hub} options=${[["", t("all")], ...Object.entries(HUBS)]} />
      <${SelectField} label=${t("models.format")} value=${format} options=${[["", t("all")], ["GGUF", "GGUF"], ["SAFETENSORS", "Safetensors"], ["OPENVINO_IR", "OpenVINO"], ["ONNX", "ONNX"]]} />
      <${SelectField} label=${t("models.sort")} value=${sort} options=${SORTS.map((each) => [each, t(`sort.${each}`)])} />
    </div>
    <${Read} of=${found}>${(page) => html`<${Results} page=${page} busy=${found.busy.value} trending=${!query.value} onShow=${(each) => (shown.value = each)} />`}<//>
    ${shown.value && html`<${HubModel} model=${shown.value} onClose=${() => (shown.value = null)} />`}
  </div>`;
}

function Results({ page, busy, trending, onShow }) {
  const failures = page.failures ?? [];
  return html`<div class="stack" aria-busy=${String(busy)}>
    ${failures.map((each) => html`<p class="fine" key=${each.hub}><strong>${HUBS[each.hub] ?? each.hub}</strong>: ${each.error?.message}</p>`)}
    ${page.catalog_time && html`<p class="fine">${t("models.from.catalog", { time: time(page.catalog_time) })}</p>`}
    ${page.models.length === 0
      ? html`<${Empty} title=${t(trending ? "models.trending.none" : "models.search.none")}><p>${t("models.search.hint")}</p><//>`
      : html`${trending && html`<h2>${t("models.trending")}</h2>`}<ul class="results">
          ${page.models.map((each) => html`<li key=${`${each.hub}/${each.model_id}`}><button type="button" class="result" onClick=${() => onShow(each)}>
            <span class="result-name">${each.model_id}</span>
            <span class="row"><${Tag}>${HUBS[each.hub] ?? each.hub}<//>${each.parameter_count && html`<${Tag}>${count(each.parameter_count)}<//>`}${each.license && html`<${Tag}>${each.license}<//>`}${each.gated && html`<${Tag} tone="bad">${t("models.gated")}<//>`}${each.installed_model_ids?.length > 0 && html`<${Tag} tone="good">${t("models.installed")}<//>`}</span>
            <span class="fine">${each.downloads !== undefined && each.downloads !== null && t("models.downloaded", { n: count(each.downloads) })}</span>
          </button></li>`)}
        </ul>`}
  </div>`;
}

/** What can be installed of a model, the best for this machine first, and what each would take. */
function HubModel({ model, onClose }) {
  const choice = useRead((signal) => get("/hubs:choose", { source: model.model_id, hub: model.hub }, { signal }), [model]);
  const start = async (variant) => {
    await post("/downloads", { source: model.model_id, hub: model.hub, variant });
    tell(t("downloads.started", { name: model.model_id }));
    onClose();
    go("downloads");
  };
  return html`<${Dialog} title=${model.model_id} onClose=${onClose} wide>
    ${model.description && html`<p>${model.description}</p>`}
    <${Facts} of=${[
      [t("models.hub"), HUBS[model.hub]], [t("license"), model.license], [t("models.parameters"), model.parameter_count && count(model.parameter_count)],
      [t("models.context"), model.context_length && number(model.context_length)], [t("models.updated"), model.update_time && time(model.update_time)],
    ]} />
    <${Read} of=${choice}>${({ variant, others = [], reason }) => html`<div class="stack">
      <p class="muted">${reason}</p>
      <div class="table-box"><table class="table">
        <thead><tr><th scope="col">${t("models.variant")}</th><th scope="col" class="num">${t("download")}</th><th scope="col" class="num">${t("memory")}</th><th scope="col">${t("models.fit")}</th><th><span class="sr">${t("actions")}</span></th></tr></thead>
        <tbody>${[variant, ...others].map((each, at) => html`<tr key=${each.name}>
          <td class="name">${each.name} ${at === 0 && html`<${Tag} tone="accent">${t("models.best")}<//>`}</td>
          <td class="num">${bytes(each.size_bytes)}</td><td class="num">${bytes(each.footprint?.total_bytes)}</td>
          <td>${each.footprint && html`<${Tag} tone=${each.fits ? "good" : "bad"}>${t(each.fits ? "models.fits" : "models.fits.not")}<//>`}</td>
          <td><div class="actions"><${Button} icon="downloads" kind=${at === 0 ? "primary" : ""} onPress=${() => start(each.name)}>${t("download")}<//></div></td>
        </tr>`)}</tbody>
      </table></div>
    </div>`}<//>
  <//>`;
}
