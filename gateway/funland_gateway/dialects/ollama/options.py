"""Every one of Ollama's `options`, and its fate.

A name that is not here is no option of Ollama's, and is ignored as Ollama ignores it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from funland_gateway.dialects.openai.fates import Fate, Harmless, Refused, Served, unless
from funland_gateway.dialects.reading import JsonObject, unsupported
from funland_gateway.dialects.sampling import Sampling, read_sampling

OPTIONS: Final = "options"
NUM_CTX: Final = "num_ctx"
_NUM_PREDICT: Final = "num_predict"

SAMPLING: Final[Mapping[str, str]] = {
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "seed": "seed",
    "stop": "stop",
    _NUM_PREDICT: "max_tokens",
    "repeat_penalty": "repetition_penalty",
    "repeat_last_n": "penalty_window",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
"""The contract's names of the sampling parameters by Ollama's."""

_PLACE: Final = Harmless("it says how the model is computed, not what it answers")
_MIROSTAT: Final = Harmless("it acts with `mirostat` alone")
_SHIFT: Final = Harmless("it acts when a context is shifted, and here a full one ends the text")

FATES: Final[Mapping[str, Fate]] = {
    **{name: Served(f"`sampling.{field}`") for name, field in SAMPLING.items()},
    NUM_CTX: Served("a model that is loaded with less is loaded anew, as far as it was trained"),
    "num_keep": _SHIFT,
    "tfs_z": unless(1),
    "typical_p": unless(1),
    "mirostat": unless(0),
    "mirostat_tau": _MIROSTAT,
    "mirostat_eta": _MIROSTAT,
    "penalize_newline": unless(True),
    "numa": _PLACE,
    "num_batch": _PLACE,
    "num_gpu": _PLACE,
    "main_gpu": _PLACE,
    "low_vram": _PLACE,
    "f16_kv": _PLACE,
    "use_mmap": _PLACE,
    "use_mlock": _PLACE,
    "num_thread": _PLACE,
    "draft_num_predict": _PLACE,
    "logits_all": Harmless("no answer has scores"),
    "vocab_only": unless(False),
    "embedding_only": Harmless("the route says what is asked for"),
}


@dataclass(frozen=True, slots=True)
class Options:
    """What a request's `options` say."""

    sampling: Sampling
    context_length: int | None
    """How many tokens the context must hold; None: nothing is said."""
    under: str = OPTIONS
    """The field that has them."""

    def field_name(self, path: str) -> str:
        """What the request calls a field of the contract."""
        told = self.sampling.field_name(path)
        return path if told == path else f"{self.under}.{told}"


def read_options(body: JsonObject, under: str = OPTIONS) -> Options:
    """Reads `options`, or what a model is created with `under` another name; one that can't be
    honoured is refused by its name."""
    options = body.object(under) or JsonObject({}, under)
    for name, value in options.items():
        fate = FATES.get(name)
        if isinstance(fate, Refused) and value is not None and fate.asks(value):
            raise unsupported(options.path_of(name), "this value is not supported yet.")
    context = options.integer(NUM_CTX)
    return Options(
        read_sampling(_without_endless(options, under), SAMPLING),
        context if context is not None and context > 0 else None,
        under,
    )


def _without_endless(options: JsonObject, under: str) -> JsonObject:
    """Ollama's 0, -1 and -2 set no bound to the text."""
    bound = options.integer(_NUM_PREDICT)
    if bound is None or bound > 0:
        return options
    kept = {name: value for name, value in options.items() if name != _NUM_PREDICT}
    return JsonObject(kept, under)
