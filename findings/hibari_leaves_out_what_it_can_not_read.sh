#!/usr/bin/env bash
# hibari-tts 0.2.1, Python 3.11.
# One would guess: a text that the voice can't say raises, or is spelled, or is at least told of.
# Seen: what its rules for reading don't know is left out without a word. "你好" is an array of no samples; "Meet 李明 today."
# has the phonemes of "Meet today.", with one space more; of an unknown word the letters behind the 24th are not read; "$5" is
# "five dollars", and "$" alone is nothing. Who hears the sound can't know that something is missing.
# Exits 1 if one of these is said or refused.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check hibari-tts==0.2.1
cat >"$folder/silent.py" <<'END'
import importlib.metadata

from hibari import Hibari

voice = Hibari(threads=1)
long = "zx" * 12
seen = {
    "no samples for 你好": len(voice("你好")) == 0,
    "no samples for $": len(voice("$")) == 0,
    "a Chinese name is left out": voice.phonemize("Meet 李明 today.")[0].split()
    == voice.phonemize("Meet today.")[0].split(),
    "letters behind the 24th are left out": voice.phonemize(long) == voice.phonemize(long + "bbbb"),
}
print(f"hibari-tts {importlib.metadata.version('hibari-tts')}: {seen}")
raise SystemExit(0 if all(seen.values()) else 1)
END
"$folder/venv/bin/python" "$folder/silent.py"
