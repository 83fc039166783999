// What a model would take of the memory, before it is loaded.
import { html, useSignal } from "../lib/html.js";
import { get, path, post } from "../lib/api.js";
import { bytes, number, time } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { useRead } from "../lib/loading.js";
import { Button } from "../parts/button.js";
import { Dialog } from "../parts/dialog.js";
import { NumberField, numberOf, SelectField } from "../parts/fields.js";
import { Read } from "../parts/page.js";
import { Facts, Meter, Tag } from "../parts/showing.js";

const TYPING_MS = 350;

export function LoadDialog({ model, onClose }) {
  const context = useSignal("");
  const slots = useSignal("");
  const device = useSignal("");
  const settings = {
    context_length: numberOf(context.value),
    slots: numberOf(slots.value),
    ...(device.value && { device_ids: [device.value] }),
  };
  const devices = useRead((signal) => get("/devices", {}, { signal }));
  const estimate = useRead(
    async (signal) => {
      await new Promise((resolve) => setTimeout(resolve, TYPING_MS));
      return post(`${path("models", model.model_id)}:estimate`, { settings }, { signal });
    },
    [context.value, slots.value, device.value],
  );
  const usable = (devices.value.value?.devices ?? []).filter((each) => each.state === "AVAILABLE");
  const load = async () => {
    onClose();
    await post(`${path("models", model.model_id)}:load`, { settings });
  };
  return html`<${Dialog} title=${t("models.load.title", { name: model.model_id })} onClose=${onClose}>
    <div class="columns">
      <${NumberField} label=${t("models.context")} hint=${t("models.context.hint", { n: number(model.context_length) })} value=${context} min="16" step="1" />
      <${NumberField} label=${t("models.slots")} hint=${t("models.slots.hint")} value=${slots} min="1" step="1" />
      <${SelectField} label=${t("device")} value=${device} options=${[["", t("automatic")], ...usable.map((each) => [each.device_id, `${each.device_id} · ${each.name}`])]} />
    </div>
    <${Read} of=${estimate}>${(found) => html`<${Estimate} of=${found} />`}<//>
    <footer><${Button} onPress=${onClose}>${t("cancel")}<//><${Button} kind="primary" onPress=${load}>${t("models.load")}<//></footer>
  <//>`;
}

function Estimate({ of }) {
  const { footprint } = of;
  const total = Number(footprint.total_bytes);
  const free = Number(of.available_bytes);
  return html`<div class="stack" aria-live="polite">
    <div class="row"><strong>${bytes(total)}</strong><span class="muted">${t("models.of.free", { free: bytes(free) })}</span><${Tag} tone=${of.fits ? "good" : "bad"}>${t(of.fits ? "models.fits" : "models.fits.not")}<//></div>
    <${Meter} value=${total / free} label=${t("models.memory.share")} />
    <${Facts} of=${[
      [t("models.weights"), bytes(footprint.weights_bytes)], [t("models.cache"), bytes(footprint.cache_bytes)],
      [t("models.compute"), bytes(footprint.compute_bytes)], [t("models.process"), bytes(footprint.process_bytes)],
      [t("models.context"), number(footprint.context_length)],
      ...(footprint.devices ?? []).map((each) => [each.device_id, bytes(each.bytes)]),
      [t("models.measured"), of.measured_bytes && `${bytes(of.measured_bytes)} (${time(of.measured_time)})`],
    ]} />
  </div>`;
}
