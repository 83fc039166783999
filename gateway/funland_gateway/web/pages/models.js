// The models: those that are installed, and those that hubs have.
import { html, useSignal } from "../lib/html.js";
import { path, post, remove } from "../lib/api.js";
import { bytes, count, number, time } from "../lib/format.js";
import { named, t } from "../lib/i18n.js";
import { models, modelsKnown } from "../lib/models.js";
import { go, href } from "../lib/router.js";
import { ApiError } from "../lib/problems.js";
import { Button } from "../parts/button.js";
import { Confirm, Dialog } from "../parts/dialog.js";
import { Problem } from "../parts/notices.js";
import { Frame, Tabs } from "../parts/page.js";
import { Empty, Facts, Loading, Progress, State, Tag } from "../parts/showing.js";
import { Menu } from "../parts/menu.js";
import { FindModels } from "../models/find.js";
import { LoadDialog } from "../models/load.js";

export function Page({ rest: [view = ""] }) {
  const finding = view === "find";
  return html`<${Frame} title=${t("page.models")}>
    <${Tabs} label=${t("page.models")} current=${finding ? href("models", "find") : href("models")} places=${[
      [href("models"), t("models.installed")],
      [href("models", "find"), t("models.find")],
    ]} />
    ${finding ? html`<${FindModels} />` : html`<${Installed} />`}
  <//>`;
}

function Installed() {
  const shown = useSignal("");
  const asked = useSignal(null); // {what, id}
  if (!modelsKnown.value) return html`<${Loading} />`;
  if (models.value.length === 0) {
    return html`<${Empty} title=${t("models.none")}><p><a href=${href("models", "find")}>${t("models.find")}</a></p><//>`;
  }
  const close = () => (asked.value = null);
  const target = asked.value && models.value.find((each) => each.model_id === asked.value.id);
  return html`<div class="table-box"><table class="table">
    <thead><tr>
      <th scope="col">${t("model")}</th><th scope="col">${t("state")}</th><th scope="col" class="wide-only">${t("models.kind")}</th>
      <th scope="col" class="num wide-only">${t("size")}</th><th scope="col" class="num wide-only">${t("models.parameters")}</th><th scope="col" class="num wide-only">${t("models.context")}</th>
      <th scope="col"><span class="sr">${t("actions")}</span></th>
    </tr></thead>
    <tbody>${models.value.map((each) => html`<${Row} key=${each.model_id} model=${each} onShow=${() => (shown.value = each.model_id)} onAsk=${(what) => (asked.value = { what, id: each.model_id })} />`)}</tbody>
  </table></div>
  ${shown.value && html`<${Details} id=${shown.value} onClose=${() => (shown.value = "")} />`}
  ${target && asked.value.what === "load" && html`<${LoadDialog} model=${target} onClose=${close} />`}
  ${target && asked.value.what === "delete" && html`<${Confirm} title=${t("models.delete")} text=${t("models.delete.sure", { name: target.model_id, size: bytes(target.size_bytes) })} action=${t("delete")} onYes=${() => remove(path("models", target.model_id))} onClose=${close} />`}`;
}

function Row({ model, onShow, onAsk }) {
  const at = path("models", model.model_id);
  const loaded = model.state === "LOADED";
  const fraction = model.loading?.fraction;
  const items = [
    [t("details"), onShow],
    [t("models.estimate"), () => onAsk("load")],
    model.pinned ? [t("models.unpin"), () => post(`${at}:unpin`)] : [t("models.pin"), () => post(`${at}:pin`)],
    ...(model.can_chat ? [[t("models.chat"), () => go("chat")]] : []),
    ...(model.built_in ? [] : [[t("delete"), () => onAsk("delete"), "danger"]]),
  ];
  return html`<tr>
    <td class="name">${model.model_id}
      <div class="row">${model.default && html`<${Tag} tone="accent">${t("models.default")}<//>`}${model.pinned && html`<${Tag}>${t("models.pinned")}<//>`}${model.quantization && html`<${Tag}>${model.quantization}<//>`}</div>
    </td>
    <td><${State} value=${model.state} />${model.state === "LOADING" && html`<${Progress} value=${fraction} label=${t("models.loading")} />`}
      ${loaded && html`<div class="fine">${model.loaded?.device_ids?.join(", ") || model.loaded?.device}</div>`}</td>
    <td class="wide-only">${named("kind", model.kind)}</td>
    <td class="num wide-only">${bytes(model.size_bytes)}</td>
    <td class="num wide-only">${count(model.parameter_count)}</td>
    <td class="num wide-only">${number(model.loaded?.context_length || model.context_length || undefined)}</td>
    <td><div class="actions">
      ${loaded || model.state === "LOADING"
        ? html`<${Button} onPress=${() => post(`${at}:unload`, { force: true })}>${t("models.unload")}<//>`
        : html`<${Button} onPress=${() => post(`${at}:load`)}>${t("models.load")}<//>`}
      <${Menu} label=${t("models.menu", { name: model.model_id })} items=${items} />
    </div></td>
  </tr>`;
}

function Details({ id, onClose }) {
  const model = models.value.find((each) => each.model_id === id);
  if (!model) return null;
  const { loaded } = model;
  return html`<${Dialog} title=${model.model_id} onClose=${onClose} wide>
    ${model.load_error?.message && html`<${Problem} problem=${new ApiError(model.load_error)} />`}
    ${model.description && html`<p>${model.description}</p>`}
    <${Facts} of=${[
      [t("name"), model.display_name], [t("state"), html`<${State} value=${model.state} />`], [t("source"), model.source],
      [t("models.format"), model.format], [t("models.architecture"), model.architecture], [t("models.quantization"), model.quantization],
      [t("models.parameters"), count(model.parameter_count)], [t("size"), bytes(model.size_bytes)], [t("models.trained.context"), number(model.context_length)],
      [t("license"), model.license], [t("models.aliases"), model.aliases?.join(", ")], [t("models.adapters"), model.adapters?.map((each) => each.adapter_id).join(", ")],
      [t("models.installed.at"), model.create_time && time(model.create_time)],
    ]} />
    ${loaded && html`<h3>${t("models.in.memory")}</h3><${Facts} of=${[
      [t("models.engine"), loaded.engine], [t("device"), loaded.device_ids?.join(", ") || loaded.device], [t("models.context"), number(loaded.context_length)],
      [t("models.slots"), number(loaded.slots)], [t("models.threads"), number(loaded.threads)], [t("memory"), bytes(loaded.memory_bytes)],
      [t("models.active"), number(loaded.active_sequences ?? 0)], [t("models.waiting"), number(loaded.waiting_sequences ?? 0)], [t("models.cached"), number(loaded.cached_tokens ?? 0)],
      [t("models.leaves"), loaded.unload_time && time(loaded.unload_time)],
    ]} />`}
    ${model.sha256 && html`<p class="fine">SHA-256 <code>${model.sha256}</code></p>`}
  <//>`;
}
