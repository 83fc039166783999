// What was heard live so far. Pure.

export const NOTHING_HEARD = { segments: [], partial: "", language: "", seconds: 0 };

/** It with one event more. A beginning that was told goes with what comes after: a part that is whole, a longer one, or silence. */
export function heardMore(before, event) {
  if (event.segment) return { ...before, segments: [...before.segments, event.segment], partial: "", seconds: event.segment.end_seconds ?? before.seconds };
  if (event.partial) return { ...before, partial: event.partial.text ?? "" };
  if (event.progress) return { ...before, partial: "", seconds: event.progress.seconds ?? 0 };
  if (event.finish) return { ...before, partial: "", language: event.finish.language ?? "" };
  return before;
}
