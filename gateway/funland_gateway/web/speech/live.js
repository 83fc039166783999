// Listens to the microphone, and shows what is said while it is said.
import { html, signal, useEffect, useSignal } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { number } from "../lib/format.js";
import { LostError } from "../lib/problems.js";
import { converse } from "../lib/socket.js";
import { Button, CopyButton } from "../parts/button.js";
import { SelectField } from "../parts/fields.js";
import { Problem } from "../parts/notices.js";
import { heardMore, NOTHING_HEARD } from "./heard.js";
import { openMicrophone } from "./microphone.js";

const STATES = { opening: "mic.opening", on: "mic.on", ending: "mic.ending" };
const heard = signal(null); // it stays when one goes to another page and comes back

export function Live({ recognisers }) {
  const model = useSignal("");
  const state = useSignal("off"); // then opening, on, ending
  const problem = useSignal(null);
  const now = useSignal(null); // what is open: the microphone and the socket
  const end = (failed = null) => {
    now.peek()?.microphone?.close();
    now.peek()?.socket?.close();
    now.value = null;
    state.value = "off";
    problem.value = failed;
  };
  useEffect(() => () => end(), []);
  const listen = async () => {
    // What is said while the line opens is sent once it is there.
    const mine = { microphone: null, socket: null, waiting: [] };
    now.value = mine;
    state.value = "opening";
    problem.value = null;
    try {
      mine.microphone = await openMicrophone((samples) => (mine.waiting ? mine.waiting.push(samples) : mine.socket.sendBytes(samples)));
    } catch (failed) {
      if (now.peek() === mine) end(failed);
      return;
    }
    if (now.peek() !== mine) return mine.microphone.close(); // one has left meanwhile
    heard.value = NOTHING_HEARD;
    mine.socket = converse("/transcriptions:live", {}, {
      onOpen: () => {
        mine.socket.send({ config: { model: model.value, sample_rate: Math.round(mine.microphone.rate), partials: true } });
        for (const samples of mine.waiting) mine.socket.sendBytes(samples);
        mine.waiting = null;
      },
      onMessage: (event) => {
        if (event.start) state.value = "on";
        heard.value = heardMore(heard.peek(), event);
        if (event.finish) end();
      },
      onClose: (failed) => end(failed ?? new LostError()),
    });
  };
  const stop = () => {
    if (!now.peek()?.socket) return end();
    const { microphone, socket, waiting } = now.peek();
    if (waiting) return end(); // the line is not open yet
    microphone.close();
    state.value = "ending";
    socket.send({ end: {} }); // what was said last is heard yet
  };
  const on = state.value !== "off";
  return html`<div class="card">
    <div class="columns"><${SelectField} label=${t("model")} value=${model} disabled=${on} options=${[["", t("automatic")], ...recognisers.map((each) => [each.model_id, each.model_id])]} /></div>
    <div class="row">${on
      ? html`<${Button} icon="stop" disabled=${state.value === "ending"} onPress=${stop}>${t("mic.stop")}<//>`
      : html`<${Button} icon="speech" kind="primary" onPress=${listen}>${t("mic.listen")}<//>`}
      <span class="muted" role="status">${on && t(STATES[state.value])}</span></div>
    ${problem.value && html`<div role="alert"><${Problem} problem=${problem.value} /></div>`}
    ${heard.value && html`<${Heard} of=${heard.value} />`}
  </div>`;
}

function Heard({ of }) {
  const text = () => of.segments.map((each) => each.text.trim()).join(" ");
  return html`<div class="stack">
    <ol class="transcript" aria-live="polite" aria-label=${t("mic.heard")}>${of.segments.map((each) => html`<li key=${each.segment_id ?? 0}><span class="fine nums">${number(each.start_seconds ?? 0, 1)} s</span> ${each.text}</li>`)}</ol>
    <p class="muted partial">${of.partial}</p>
    ${of.segments.length > 0 && html`<div class="row"><${CopyButton} text=${text}>${t("copy")}<//></div>`}
  </div>`;
}
