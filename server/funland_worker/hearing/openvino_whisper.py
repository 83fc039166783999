"""Whisper in OpenVINO, as `optimum` exports it: an encoder, and a decoder that keeps its state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.openvino.library import unsupported
from funland_worker.hearing.choosing_tokens import Marks, allowed, chosen, log_softmax
from funland_worker.hearing.recogniser import Aligned, Decoded, Encoded, Options

ENCODER: Final = "openvino_encoder_model.xml"
DECODER: Final = "openvino_decoder_model.xml"
_FRAMES: Final = 3000
"""How many frames of 10 ms the encoder always hears."""
_BATCH: Final = 8
_INPUTS: Final = frozenset({"input_ids", "encoder_hidden_states", "beam_idx", "cache_position"})


class OpenVinoWhisper:
    """See `Recogniser`. A window that is encoded is float32 [1, 1500, width]."""

    batch = _BATCH

    def __init__(
        self,
        encoder: Any,
        decoder: Any,
        marks: Marks,
        *,
        start: int,
        no_speech: int | None,
        languages: dict[str, int],
    ) -> None:
        """`encoder` and `decoder` are compiled models; `start` is the token that the task begins
        with, and `no_speech` that which says that nobody speaks.

        Raises:
            EngineError: ENGINE_UNSUPPORTED: the networks are not as they should be.
        """
        names = {name for each in decoder.inputs for name in each.get_names()}
        if not {"input_ids", "encoder_hidden_states", "beam_idx"} <= names <= _INPUTS:
            raise unsupported(
                "stateless decoders",
                "OpenVINO takes a Whisper whose decoder keeps its state; export it anew with"
                " optimum-cli export openvino --task automatic-speech-recognition-with-past.",
            )
        self._encoder = encoder.create_infer_request()
        self._decoder = decoder.create_infer_request()
        self._places = "cache_position" in names
        self._marks = marks
        self._start = start
        self._no_speech = no_speech
        self._languages = languages
        self.mels = int(encoder.input(0).get_partial_shape()[1].get_length())

    def encoded_together(self, frames: int) -> int:
        """See `Recogniser`."""
        return 1

    def encode(self, features: Sequence[NDArray[np.float32]]) -> list[Encoded]:
        """See `Recogniser`. Windows of fewer frames get silence behind them."""
        encoded: list[Encoded] = []
        for each in features:
            window = np.full((1, self.mels, _FRAMES), each.min(), np.float32)
            window[0, :, : each.shape[1]] = each
            self._encoder.infer([window])
            encoded.append(np.array(self._encoder.get_output_tensor(0).data, np.float32))
        return encoded

    def detect(self, windows: Sequence[Encoded]) -> list[tuple[str, float]]:
        """See `Recogniser`."""
        codes, tokens = list(self._languages), list(self._languages.values())
        self._decoder.reset_state()
        heard = np.concatenate(windows)
        scores = self._scores(heard, np.full((len(heard), 1), self._start), 0)[:, -1, tokens]
        likely = [np.exp(log_softmax(each)) for each in scores]
        return [(codes[int(each.argmax())], float(each.max())) for each in likely]

    def decode(
        self, windows: Sequence[Encoded], prompts: Sequence[Sequence[int]], options: Options
    ) -> list[Decoded]:
        """See `Recogniser`."""
        chance = np.random.default_rng(0)
        heard = np.concatenate(windows)
        self._decoder.reset_state()
        given = np.array([list(prompt) for prompt in prompts], np.int64)
        scores = self._scores(heard, given, 0)
        silent = self._silent(scores, prompts)
        written: list[list[int]] = [[] for _ in prompts]
        total = [0.0] * len(written)
        going = set(range(len(written)))
        past = given.shape[1]
        while True:
            fed = np.full((len(written), 1), self._marks.end, np.int64)
            for number in sorted(going):
                likely = allowed(scores[number, -1], written[number], self._marks)
                token = chosen(likely, options.temperature, chance)
                total[number] += float(likely[token])
                if token == self._marks.end:
                    going.discard(number)
                    continue
                written[number].append(token)
                fed[number] = token
                if len(written[number]) >= options.most_tokens:
                    going.discard(number)
            if not going:
                break
            scores = self._scores(heard, fed, past)
            past += 1
        return [
            Decoded(tuple(tokens), logprob / (len(tokens) + 1), quiet)
            for tokens, logprob, quiet in zip(written, total, silent, strict=True)
        ]

    def align(
        self, window: Encoded, start: Sequence[int], text: Sequence[int], frames: int
    ) -> Aligned:
        """Refuses: what the times of words are computed from, these networks don't tell.

        Raises:
            EngineError: ENGINE_UNSUPPORTED.
        """
        raise unsupported(
            "word_timestamps",
            "On OpenVINO words have no times of their own; leave word_timestamps out, or take a"
            " model in CTranslate2's form.",
        )

    def _silent(self, scores: NDArray[np.float32], prompts: Sequence[Sequence[int]]) -> list[float]:
        """How likely it is that nobody speaks, where the task begins."""
        if self._no_speech is None:
            return [0.0] * len(prompts)
        places = [list(prompt).index(self._start) for prompt in prompts]
        return [
            float(np.exp(log_softmax(scores[number, place])[self._no_speech]))
            for number, place in enumerate(places)
        ]

    def _scores(
        self, heard: NDArray[np.float32], tokens: NDArray[np.int64], past: int
    ) -> NDArray[np.float32]:
        """[batch, tokens, vocabulary], of tokens that follow so many others."""
        given: dict[str, Any] = {
            "input_ids": tokens.astype(np.int64),
            "encoder_hidden_states": heard,
            "beam_idx": np.arange(len(tokens), dtype=np.int32),
        }
        if self._places:
            given["cache_position"] = np.arange(past, past + tokens.shape[1], dtype=np.int64)
        self._decoder.infer(given)
        return np.array(self._decoder.get_output_tensor(0).data, np.float32)
