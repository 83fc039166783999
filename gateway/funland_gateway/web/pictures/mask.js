// Marks what of a picture is to be painted anew: with a brush, or with a file that has it in white.
import { html, useEffect, useRef, useSignal } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { Button } from "../parts/button.js";
import { Field } from "../parts/fields.js";

/** Where in the picture a pointer is that is at `x`, `y` of a box which shows it whole. Pure. */
export const within = ({ x, y }, box, size) => ({ x: ((x - box.left) * size.width) / box.width, y: ((y - box.top) * size.height) / box.height });

/** `source` is the picture, a File; `mask` a signal that has a function which gives a Blob, or null: all is painted anew. */
export function Mask({ source, mask }) {
  const canvas = useRef(null);
  const url = useSignal("");
  const brush = useSignal("12"); // hundredths of the picture's width
  const last = useRef(null);
  useEffect(() => {
    url.value = URL.createObjectURL(source);
    mask.value = null;
    return () => URL.revokeObjectURL(url.peek());
  }, [source]);
  const loaded = ({ target }) => {
    canvas.current.width = target.naturalWidth;
    canvas.current.height = target.naturalHeight;
  };
  const paint = (event) => {
    const { current } = canvas;
    const to = within({ x: event.clientX, y: event.clientY }, current.getBoundingClientRect(), current);
    const from = last.current ?? to;
    const pen = current.getContext("2d");
    pen.strokeStyle = "#fff";
    pen.lineCap = "round";
    pen.lineWidth = (current.width * Number(brush.value)) / 100;
    pen.beginPath();
    pen.moveTo(from.x, from.y);
    pen.lineTo(to.x + 0.01, to.y);
    pen.stroke();
    last.current = to;
    mask.value = () => onBlack(current);
  };
  const begin = (event) => {
    canvas.current.setPointerCapture(event.pointerId);
    last.current = null;
    paint(event);
  };
  const clear = () => {
    canvas.current.getContext("2d").clearRect(0, 0, canvas.current.width, canvas.current.height);
    mask.value = null;
  };
  const take = (event) => {
    const [file] = event.target.files;
    clear();
    mask.value = file ? () => file : null;
  };
  return html`<div class="stack">
    <div class="mask"><img src=${url.value} alt=${t("mask.picture")} onLoad=${loaded} /><canvas ref=${canvas} role="img" aria-label=${t("mask.marked")} onPointerDown=${begin} onPointerMove=${(event) => event.buttons === 1 && paint(event)}></canvas></div>
    <div class="row"><label class="grow fine">${t("mask.brush")} <input type="range" min="2" max="40" value=${brush.value} onInput=${(event) => (brush.value = event.target.value)} /></label>
      <${Button} disabled=${!mask.value} onPress=${clear}>${t("mask.clear")}<//></div>
    <${Field} label=${t("mask.file")} hint=${t("mask.file.hint")}>${(id, hint) => html`<input id=${id} aria-describedby=${hint} type="file" accept="image/png,image/jpeg,image/webp" onChange=${take} />`}<//>
  </div>`;
}

/** What was painted, on black, as the contract wants it. */
function onBlack(painted) {
  const whole = document.createElement("canvas");
  whole.width = painted.width;
  whole.height = painted.height;
  const pen = whole.getContext("2d");
  pen.fillRect(0, 0, whole.width, whole.height);
  pen.drawImage(painted, 0, 0);
  return new Promise((resolve) => whole.toBlob(resolve, "image/png"));
}
