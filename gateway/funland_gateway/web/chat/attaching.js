// What is attached to a message: pictures and sounds, chosen, pasted or dropped.
import { upload } from "../lib/api.js";
import { toBase64 } from "../lib/saving.js";

const INLINE_BYTES = 2 << 20; // together, in a message; more is kept as files
const PURPOSE = "user_data";

/** `image`, `audio`, or "" for a file that can't be attached. Pure. */
export function kindOf(type) {
  const [family] = type.split("/");
  return family === "image" || family === "audio" ? family : "";
}

/** Why a file can't be attached: the key of a text; "": it can. `takes` is the Model, undefined where it is not known. Pure. */
export function refusal(type, takes) {
  const kind = kindOf(type);
  if (!kind) return "attach.kind";
  if (takes && kind === "image" && !takes.can_see) return "attach.cannot.see";
  if (takes && kind === "audio" && !takes.can_hear) return "attach.cannot.hear";
  return "";
}

/** The parts of a message with these files: what is shown stands before what is said of it. */
export async function partsOf(text, files) {
  const size = files.reduce((all, { file }) => all + file.size, 0);
  const media = await Promise.all(
    files.map(async ({ file, kind }) => ({
      [kind]: size <= INLINE_BYTES ? { data: await toBase64(file) } : { file_id: (await upload("/files", { name: file.name, purpose: PURPOSE }, file)).file_id },
    })),
  );
  return [...media, ...(text.trim() ? [{ text }] : [])];
}
