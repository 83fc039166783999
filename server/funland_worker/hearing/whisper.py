"""Whisper in CTranslate2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from funland_worker.hearing.recogniser import Aligned, Decoded, Encoded, Options

_BATCH: Final = 8
_FRAMES: Final = 3000
"""How many a GPU encodes in one go: beyond a whole window little is gained, and memory grows."""
_ALL: Final = 0
"""Of the tokens that chance may choose from."""


class CTranslate2Whisper:
    """See `Recogniser`. A window that is encoded is float32 [1, frames / 2, width]."""

    batch = _BATCH

    def __init__(self, package: Any, network: Any) -> None:
        """`network` is a `ctranslate2.models.Whisper`, `package` is CTranslate2."""
        self._package = package
        self._network = network
        self.mels: int = network.n_mels

    def encoded_together(self, frames: int) -> int:
        """See `Recogniser`. On processors, several take as much longer as they are more."""
        return 1 if self._network.device == "cpu" else max(1, _FRAMES // frames)

    def encode(self, features: Sequence[NDArray[np.float32]]) -> list[Encoded]:
        """See `Recogniser`."""
        given = self._view(np.stack(features))
        encoded = np.array(self._network.encode(given, to_cpu=True), dtype=np.float32)
        return [*encoded[:, None]]

    def detect(self, windows: Sequence[Encoded]) -> list[tuple[str, float]]:
        """See `Recogniser`."""
        found = self._network.detect_language(self._joined(windows))
        best = [max(each, key=lambda one: one[1]) for each in found]
        return [(name.strip("<|>"), float(likely)) for name, likely in best]

    def decode(
        self, windows: Sequence[Encoded], prompts: Sequence[Sequence[int]], options: Options
    ) -> list[Decoded]:
        """See `Recogniser`."""
        before, most = len(prompts[0]), options.most_tokens
        warm = options.temperature > 0
        results = self._network.generate(
            self._joined(windows),
            [list(prompt) for prompt in prompts],
            beam_size=1,
            # The text gets half of it, or what the prompt leaves of it if that is less.
            max_length=max(2 * most, before + most - 1),
            return_scores=True,
            return_no_speech_prob=True,
            sampling_topk=_ALL if warm else 1,
            sampling_temperature=options.temperature if warm else 1.0,
        )
        return [_decoded(one) for one in results]

    def align(
        self, window: Encoded, start: Sequence[int], text: Sequence[int], frames: int
    ) -> Aligned:
        """See `Recogniser`."""
        found = self._network.align(self._view(window), list(start), [list(text)], frames)[0]
        pairs = tuple((int(token), int(frame)) for token, frame in found.alignments)
        return Aligned(pairs, tuple(float(one) for one in found.text_token_probs))

    def _joined(self, windows: Sequence[Encoded]) -> Any:
        return self._view(np.concatenate(windows))

    def _view(self, values: NDArray[np.float32]) -> Any:
        return self._package.StorageView.from_array(np.ascontiguousarray(values))


def _decoded(result: Any) -> Decoded:
    tokens = tuple(int(token) for token in result.sequences_ids[0])
    # The score is the mean over the tokens; the end, which is one more, counts as well.
    average = float(result.scores[0]) * len(tokens) / (len(tokens) + 1)
    return Decoded(tokens, average, float(result.no_speech_prob))
