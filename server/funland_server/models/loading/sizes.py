"""What the memory of a model depends on, by what its files say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from funland_server.models.formats.header import (
    CacheFacts,
    ModelHeader,
    PictureFacts,
    ProjectorFacts,
)
from funland_server.models.installed.model import InstalledModel

_HEAD_LENGTH = 64
"""At least; so there are at most so many heads as it goes into an embedding."""
_PIXEL_BYTES = 3072
"""What the widest layers of a decoder of pictures hold for each pixel at once: 256 numbers, three
times. Those of the network that paints are smaller."""
_PICTURES_BYTES = 64 * 1024**2
"""What a model that paints takes however small it is: its networks as they are compiled."""
_SHOWN_BYTES: Final = 96 * 1024**2
"""What a worker keeps of pictures and sounds, and what it decodes them with."""
_PLAIN: Final = CacheFacts(heads=0, unified=False)


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the memory of a model depends on. Numbers are 0 where nothing is known."""

    weights_bytes: int
    cache_bytes_per_token: int
    embedding_length: int
    context_length: int
    """What it was trained for, in tokens."""
    layer_bytes: tuple[int, ...] = ()
    """The weights of each layer; empty where a model can't be parted."""
    layer_cache_bytes: tuple[int, ...] = ()
    """The part of `cache_bytes_per_token` of each."""
    state_bytes: int = 0
    """What a text's states take beside keys and values."""
    layer_state_bytes: tuple[int, ...] = ()
    """The part of `state_bytes` of each layer."""
    output_bytes: int = 0
    ties_output: bool = False
    vocabulary_size: int = 0
    working_bytes: int = 0
    """What stands in the place of cache and passes; 0: they are computed."""
    projector_bytes: int = 0
    """What shows the model pictures and sounds, with what it works with."""
    cache: CacheFacts = _PLAIN
    writes_text: bool = True
    """Else it reads one after the other, or several together that are short."""

    @property
    def heads(self) -> int:
        """How many score all tokens; at most, where nothing tells."""
        return self.cache.heads or self.embedding_length // _HEAD_LENGTH

    @property
    def states_alone(self) -> bool:
        """Whether no layer keeps keys and values, and so none looks back at tokens."""
        return self.state_bytes > 0 and not self.cache_bytes_per_token


def sizes(model: InstalledModel, header: ModelHeader | None = None) -> Sizes:
    """Those of an installed model; `header` is what its files say, if it was read anew."""
    return sizes_of(header or model.header, model.fingerprint.size_bytes)


def sizes_of(header: ModelHeader, weights_bytes: int) -> Sizes:
    """Those of a model whose files say this, and are so large."""
    return Sizes(
        weights_bytes=weights_bytes,
        cache_bytes_per_token=header.cache_bytes_per_token,
        embedding_length=header.embedding_length,
        context_length=header.context_length,
        layer_bytes=header.layer_bytes,
        layer_cache_bytes=header.layer_cache_bytes,
        state_bytes=header.state_bytes or 0,
        layer_state_bytes=header.layer_state_bytes,
        output_bytes=header.output_bytes,
        ties_output=header.ties_output,
        vocabulary_size=header.vocabulary_size,
        working_bytes=header.working_bytes or _picture_bytes(header.picture),
        projector_bytes=_projector_bytes(header.projector),
        cache=header.cache or _PLAIN,
        writes_text=header.writes_text,
    )


def _picture_bytes(picture: PictureFacts | None) -> int:
    """What a model that paints takes beside its weights, for a picture of its own size."""
    if picture is None:
        return 0
    return _PICTURES_BYTES + picture.width * picture.height * _PIXEL_BYTES


def _projector_bytes(projector: ProjectorFacts | None) -> int:
    """What a projector takes: its weights, half of that for its passes, and what was shown
    lately."""
    if projector is None:
        return 0
    return projector.size_bytes + projector.size_bytes // 2 + _SHOWN_BYTES
