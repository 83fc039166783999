// Where one writes. Enter sends, unless an input method is still composing; Shift+Enter begins a line.
import { html, useEffect, useRef, useSignal } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { Button } from "../parts/button.js";
import { Problem } from "../parts/notices.js";
import { Attachments } from "./attachments.js";

const HIGHEST_PX = 240;
const attaching = () => import("./attaching.js"); // most messages have no need of it

/** `onSend` is given `{content}` or `{parts}`, and may fail: then it is there again. `takes` is the model that is to answer. */
export function Composer({ onSend, onStop, answering, problem, takes, children }) {
  const text = useSignal("");
  const files = useSignal([]); // {file, kind, url}
  const chooser = useRef(null);
  const failed = useSignal(null);
  const area = useRef(null);
  // Where one touches, the focus would bring up the keyboard.
  useEffect(() => {
    if (matchMedia("(hover: hover)").matches) area.current.focus({ preventScroll: true });
  }, []);
  useEffect(() => {
    const { current } = area;
    current.style.height = "auto";
    current.style.height = `${Math.min(HIGHEST_PX, current.scrollHeight)}px`;
  }, [text.value]);
  const send = async () => {
    const said = text.value;
    const shown = files.value;
    if (!said.trim() && !shown.length) return;
    text.value = "";
    files.value = [];
    failed.value = null;
    try {
      await onSend(shown.length ? { parts: await (await attaching()).partsOf(said, shown) } : { content: said });
      for (const { url } of shown) URL.revokeObjectURL(url);
    } catch (reason) {
      failed.value = reason;
      if (!text.value) text.value = said;
      if (!files.value.length) files.value = shown;
    }
  };
  const attach = async (list) => {
    const { kindOf, refusal } = await attaching();
    failed.value = null;
    for (const file of list) {
      const why = refusal(file.type, takes);
      if (why) failed.value = new Error(t(why, { name: file.name, model: takes?.model_id }));
      else files.value = [...files.value, { file, kind: kindOf(file.type), url: URL.createObjectURL(file) }];
    }
  };
  const brought = (event, list) => {
    if (!list?.length) return;
    event.preventDefault();
    attach([...list]);
  };
  const drop = (each) => {
    URL.revokeObjectURL(each.url);
    files.value = files.value.filter((other) => other !== each);
  };
  const choose = (event) => {
    attach([...event.target.files]);
    event.target.value = ""; // so that the same can be chosen again
  };
  const pressed = (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send();
    }
  };
  const wrong = failed.value ?? problem;
  return html`<div class="composer">
    ${wrong && html`<div class="composer-problem" role="alert"><${Problem} problem=${wrong} /></div>`}
    <form
      class="composer-box"
      onPaste=${(event) => brought(event, event.clipboardData?.files)}
      onDragOver=${(event) => event.dataTransfer?.types.includes("Files") && event.preventDefault()}
      onDrop=${(event) => brought(event, event.dataTransfer?.files)}
      onSubmit=${(event) => {
        event.preventDefault();
        send();
      }}
    >
      ${files.value.length > 0 && html`<${Attachments} files=${files.value} onDrop=${drop} />`}
      <textarea ref=${area} rows="1" aria-label=${t("chat.write")} placeholder=${t("chat.write")} value=${text.value} onInput=${(event) => (text.value = event.target.value)} onKeyDown=${pressed}></textarea>
      <div class="composer-row">
        <div class="composer-choices">
          <input ref=${chooser} type="file" class="sr" tabindex="-1" multiple accept="image/png,image/jpeg,image/webp,audio/*" aria-label=${t("attach.files")} onChange=${choose} />
          <${Button} icon="attach" label=${t("attach")} onPress=${() => chooser.current.click()} />${children}
        </div>
        ${answering
          ? html`<${Button} icon="stop" kind="primary round" label=${t("chat.stop")} onPress=${onStop} />`
          : html`<${Button} icon="send" kind="primary round" label=${t("chat.send")} type="submit" disabled=${!text.value.trim() && !files.value.length} />`}
      </div>
    </form>
  </div>`;
}
