// Gives a Blob to the user as a file.
export function saveAs(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name.replace(/[\\/:*?"<>|\n]/g, " ").trim().slice(0, 120) || "funland";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Bytes of base64, as JSON has them, as a Blob. */
export function fromBase64(text, type) {
  return new Blob([Uint8Array.from(atob(text), (each) => each.charCodeAt(0))], { type });
}

/** A file's bytes as base64. */
export async function toBase64(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}
