// Pictures out of texts: one sees them come.
import { html, signal, useSignal } from "../lib/html.js";
import { stream } from "../lib/api.js";
import { span } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { ofKind, modelsKnown } from "../lib/models.js";
import { href } from "../lib/router.js";
import { fromBase64, saveAs, toBase64 } from "../lib/saving.js";
import { isAbort } from "../lib/problems.js";
import { Button } from "../parts/button.js";
import { Field, NumberField, numberOf, SelectField, TextField } from "../parts/fields.js";
import { Form } from "../parts/form.js";
import { Frame } from "../parts/page.js";
import { Empty, Progress } from "../parts/showing.js";
import { Mask } from "../pictures/mask.js";

const PREVIEWS = 3;

// They stay when one goes to another page and comes back.
const wishes = { prompt: signal(""), negative: signal(""), model: signal(""), width: signal(""), height: signal(""), steps: signal(""), seed: signal(""), n: signal("1"), strength: signal("") };
const pictures = signal([]); // {url, blob, seed, prompt}, the newest first
const painting = signal(null); // {index, step, steps, preview, abort}

/** `source` is a File to begin with, `mask` gives what of it is painted anew; null: there is none. */
async function paint(source, mask) {
  const abort = new AbortController();
  painting.value = { index: 0, step: 0, steps: 0, preview: "", abort };
  const prompt = wishes.prompt.value;
  const body = {
    prompt,
    negative_prompt: wishes.negative.value,
    model: wishes.model.value,
    previews: PREVIEWS,
    ...set({ width: wishes.width, height: wishes.height, steps: wishes.steps, seed: wishes.seed, n: wishes.n }),
    ...(source && { image: await toBase64(source), ...set({ strength: wishes.strength }) }),
    ...(source && mask && { mask: await toBase64(await mask()) }),
  };
  try {
    for await (const event of stream("POST", "/images:stream", { body, signal: abort.signal })) {
      const { start, progress, image } = event;
      if (start) painting.value = { ...painting.value, steps: start.steps };
      if (progress) {
        const preview = progress.preview?.data ? address(progress.preview) : painting.value.preview;
        if (preview !== painting.value.preview) URL.revokeObjectURL(painting.value.preview);
        painting.value = { ...painting.value, ...progress, index: progress.index ?? 0, preview };
      }
      if (image) {
        const blob = fromBase64(image.image.data, image.image.media_type);
        pictures.value = [{ url: URL.createObjectURL(blob), blob, seed: image.image.seed ?? 0, width: image.image.width, height: image.image.height, prompt }, ...pictures.value];
      }
    }
  } catch (problem) {
    if (!isAbort(problem)) throw problem;
  } finally {
    URL.revokeObjectURL(painting.value?.preview);
    painting.value = null;
  }
}

const address = (image) => URL.createObjectURL(fromBase64(image.data, image.media_type));

const set = (numbers) =>
  Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, numberOf(value.value)]).filter(([, value]) => value !== undefined));

export function Page() {
  const source = useSignal(null);
  const mask = useSignal(null);
  const painters = ofKind("IMAGE");
  if (modelsKnown.value && painters.length === 0) {
    return html`<${Frame} title=${t("page.pictures")}><${Empty} title=${t("pictures.no.model")}><p><a href=${href("models", "find")}>${t("models.find")}</a></p><//><//>`;
  }
  const now = painting.value;
  return html`<${Frame} title=${t("page.pictures")}><div class="split">
    <${Form} class="card" onSend=${() => paint(source.value, mask.value)}>
      <${TextField} label=${t("pictures.prompt")} value=${wishes.prompt} area rows="3" required />
      <${TextField} label=${t("pictures.negative")} value=${wishes.negative} />
      <${SelectField} label=${t("model")} value=${wishes.model} options=${[["", t("automatic")], ...painters.map((each) => [each.model_id, each.model_id])]} />
      <div class="columns">
        <${NumberField} label=${t("pictures.width")} value=${wishes.width} min="16" step="8" />
        <${NumberField} label=${t("pictures.height")} value=${wishes.height} min="16" step="8" />
        <${NumberField} label=${t("pictures.steps")} value=${wishes.steps} min="1" max="200" step="1" />
        <${NumberField} label=${t("seed")} value=${wishes.seed} min="0" step="1" />
        <${NumberField} label=${t("pictures.n")} value=${wishes.n} min="1" max="16" step="1" />
      </div>
      <${Field} label=${t("pictures.source")} hint=${t("pictures.source.hint")}>${(id, hint) => html`<input id=${id} aria-describedby=${hint} type="file" accept="image/png,image/jpeg,image/webp" onChange=${(event) => (source.value = event.target.files[0] ?? null)} />`}<//>
      ${source.value && html`<${NumberField} label=${t("pictures.strength")} hint=${t("pictures.strength.hint")} value=${wishes.strength} min="0" max="1" step="any" />
        <${Mask} source=${source.value} mask=${mask} />`}
      ${now
        ? html`<${Button} icon="stop" onPress=${() => now.abort.abort()}>${t("pictures.stop")}<//>`
        : html`<${Button} type="submit" kind="primary" disabled=${!wishes.prompt.value.trim()}>${t("pictures.paint")}<//>`}
    <//>
    <div class="stack">
      ${now && html`<figure class="picture coming" aria-live="polite">${now.preview && html`<img src=${now.preview} alt=${t("pictures.preview")} />`}
        <figcaption>${t("pictures.step", { step: now.step ?? 0, steps: now.steps || "…" })}</figcaption><${Progress} value=${now.steps ? (now.step ?? 0) / now.steps : undefined} label=${t("pictures.painting")} /></figure>`}
      ${pictures.value.length === 0 && !now
        ? html`<${Empty} title=${t("pictures.none")}><p>${t("pictures.none.hint")}</p><//>`
        : html`<div class="gallery">${pictures.value.map((each) => html`<${Picture} key=${each.url} of=${each} />`)}</div>`}
    </div>
  </div><//>`;
}

function Picture({ of }) {
  return html`<figure class="picture">
    <img src=${of.url} alt=${of.prompt} />
    <figcaption><span title=${of.prompt}>${of.width}×${of.height} · ${t("seed")} ${of.seed}</span><${Button} icon="downloads" label=${t("pictures.save")} onPress=${() => saveAs(of.blob, `${of.prompt.slice(0, 60)} ${of.seed}.png`)} /></figcaption>
  </figure>`;
}
