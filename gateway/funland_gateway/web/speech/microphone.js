// The microphone, as the browser gives it: after asking, and only to pages that came over HTTPS or from this machine.
import { t } from "../lib/i18n.js";

/** What keeps the page from the microphone, in words, by the name of the browser's error. Pure but for the language. */
export function whyNot(name) {
  const texts = { NotAllowedError: "mic.refused", SecurityError: "mic.refused", NotFoundError: "mic.none", NotReadableError: "mic.taken", insecure: "mic.insecure" };
  return t(texts[name] ?? "mic.broken", { name });
}

/** Opens it. `onSamples` gets ArrayBuffers of samples of 16 bits, one channel; gives `{rate, close}`. Throws an Error in the reader's words. */
export async function openMicrophone(onSamples) {
  if (!navigator.mediaDevices?.getUserMedia || !window.AudioWorkletNode) throw new Error(whyNot("insecure"));
  let sound;
  let context;
  try {
    context = new AudioContext();
    await context.audioWorklet.addModule(new URL("./samples.js", import.meta.url));
    sound = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } });
    const samples = new AudioWorkletNode(context, "samples", { numberOfOutputs: 0 });
    samples.port.onmessage = ({ data }) => onSamples(data);
    context.createMediaStreamSource(sound).connect(samples);
    await context.resume();
  } catch (problem) {
    release(sound, context);
    throw new Error(whyNot(problem.name));
  }
  return { rate: context.sampleRate, close: () => release(sound, context) };
}

/** Also puts out the browser's sign that it listens. */
function release(sound, context) {
  for (const each of sound?.getTracks() ?? []) each.stop();
  if (context && context.state !== "closed") context.close();
}
