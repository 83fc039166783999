// Texts that are spoken, and recordings that are written down.
import { html, signal, useSignal } from "../lib/html.js";
import { get, stream } from "../lib/api.js";
import { number, span } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { useRead } from "../lib/loading.js";
import { ofKind } from "../lib/models.js";
import { fromBase64, saveAs, toBase64 } from "../lib/saving.js";
import { Button, CopyButton } from "../parts/button.js";
import { Field, SelectField, TextField } from "../parts/fields.js";
import { Form } from "../parts/form.js";
import { Frame, Read, Section } from "../parts/page.js";
import { Empty, Progress } from "../parts/showing.js";
import { Live } from "../speech/live.js";

const SPEEDS = ["0.75", "1", "1.25", "1.5"];

// They stay when one goes to another page and comes back.
const said = { text: signal(""), voice: signal(""), speed: signal("1") };
const sound = signal(null); // {url, blob, voice, seconds}
const heard = signal(null); // {name, text, segments, language, fraction}

export function Page() {
  return html`<${Frame} title=${t("page.speech")}><${Speak} /><${Hear} /><//>`;
}

function Speak() {
  const voices = useRead((signal) => get("/voices", {}, { signal }));
  const progress = useSignal(null);
  const speak = async () => {
    const parts = [];
    let start = {};
    let finish = {};
    progress.value = { done: 0 };
    const body = { text: said.text.value, voice: said.voice.value, speed: Number(said.speed.value), format: "MP3" };
    try {
      for await (const event of stream("POST", "/speech:stream", { body })) {
        if (event.start) start = event.start;
        if (event.audio) parts.push(fromBase64(event.audio, start.media_type));
        if (event.progress) progress.value = { done: (event.progress.characters ?? 0) / (start.characters || 1) };
        if (event.finish) finish = event.finish;
      }
    } finally {
      progress.value = null;
    }
    if (sound.value) URL.revokeObjectURL(sound.value.url);
    const blob = new Blob(parts, { type: start.media_type });
    sound.value = { url: URL.createObjectURL(blob), blob, voice: start.voice, duration: finish.duration };
  };
  return html`<${Section} title=${t("speech.speak")}><${Read} of=${voices}>${({ voices: all }) =>
    all.length === 0
      ? html`<${Empty} title=${t("speech.no.voice")} />`
      : html`<${Form} class="card" onSend=${speak}>
          <${TextField} label=${t("speech.text")} value=${said.text} area rows="4" required />
          <div class="columns">
            <${SelectField} label=${t("speech.voice")} value=${said.voice} options=${[["", t("automatic")], ...all.map((each) => [each.voice_id, `${each.display_name || each.voice_id} · ${each.language}`])]} />
            <${SelectField} label=${t("speech.speed")} value=${said.speed} options=${SPEEDS.map((each) => [each, `${each} ×`])} />
          </div>
          ${progress.value && html`<${Progress} value=${progress.value.done || undefined} label=${t("speech.speaking")} />`}
          <div class="row"><${Button} type="submit" kind="primary" icon="play" disabled=${!said.text.value.trim() || progress.value}>${t("speech.speak")}<//>
            ${sound.value && html`<${Button} icon="downloads" onPress=${() => saveAs(sound.value.blob, "speech.mp3")}>${t("save")}<//><span class="fine">${sound.value.voice} · ${span(sound.value.duration)}</span>`}</div>
          ${sound.value && html`<audio controls src=${sound.value.url} aria-label=${t("speech.sound")}></audio>`}
        <//>`}<//><//>`;
}

function Hear() {
  const file = useSignal(null);
  const model = useSignal("");
  const busy = useSignal(false);
  const recognisers = ofKind("TRANSCRIPTION");
  const hear = async () => {
    const recording = file.value;
    heard.value = { name: recording.name, segments: [], fraction: undefined };
    busy.value = true;
    let length = NaN;
    try {
      for await (const event of stream("POST", "/transcriptions:stream", { body: { audio: await toBase64(recording), model: model.value } })) {
        if (event.start?.duration) length = Number.parseFloat(event.start.duration);
        if (event.segment) heard.value = { ...heard.value, segments: [...heard.value.segments, event.segment] };
        if (event.progress) heard.value = { ...heard.value, fraction: length ? event.progress.seconds / length : undefined };
        if (event.finish) heard.value = { ...heard.value, text: event.finish.text ?? "", language: event.finish.language, timings: event.finish.timings, length };
      }
    } finally {
      busy.value = false;
    }
  };
  if (recognisers.length === 0) return html`<${Section} title=${t("speech.hear")}><${Empty} title=${t("speech.no.recogniser")} /><//>`;
  return html`<${Section} title=${t("mic.title")}><${Live} recognisers=${recognisers} /><//>
  <${Section} title=${t("speech.hear")}>
    <${Form} class="card" onSend=${hear}>
      <div class="columns">
        <${Field} label=${t("speech.recording")} hint=${t("speech.recording.hint")}>${(id, hint) => html`<input id=${id} aria-describedby=${hint} type="file" accept="audio/*" required onChange=${(event) => (file.value = event.target.files[0] ?? null)} />`}<//>
        <${SelectField} label=${t("model")} value=${model} options=${[["", t("automatic")], ...recognisers.map((each) => [each.model_id, each.model_id])]} />
      </div>
      <div class="row"><${Button} type="submit" kind="primary" disabled=${!file.value || busy.value}>${t("speech.hear")}<//></div>
      ${busy.value && html`<${Progress} value=${heard.value?.fraction} label=${t("speech.hearing")} />`}
    <//>
    ${heard.value?.segments.length > 0 && html`<div class="card">
      <div class="row"><strong class="grow">${heard.value.name}</strong><span class="fine">${heard.value.language}${heard.value.timings && ` · ${t("speech.took", { length: span(heard.value.length), time: span(heard.value.timings.total_ms / 1000) })}`}</span>
        <${CopyButton} text=${() => heard.value.text ?? heard.value.segments.map((each) => each.text).join(" ")} /></div>
      <ol class="transcript" aria-live="polite">${heard.value.segments.map((each) => html`<li key=${each.segment_id ?? 0}><span class="fine nums">${number(each.start_seconds ?? 0, 1)} s</span> ${each.text}</li>`)}</ol>
    </div>`}
  <//>`;
}
