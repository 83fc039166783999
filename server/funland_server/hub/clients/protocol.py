"""What a hub is to those who ask one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from funland.v1.hub_pb2 import HubModel, SearchHubModelsRequest
from funland.v1.models_pb2 import Model, Origin

HubKind: TypeAlias = Origin.Hub.ValueType

DISPLAY_NAMES: Final = {
    Origin.MODELSCOPE: "ModelScope",
    Origin.HUGGINGFACE: "HuggingFace",
    Origin.OLLAMA: "Ollama",
}
"""What people call them."""


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file of a model as its hub lists it. What the hub does not tell is None or empty."""

    path: str
    """Within the model. It was not checked yet."""
    size_bytes: int | None
    sha256: str
    """64 hexadecimal digits in lower case."""
    git_sha1: str
    """The SHA-1 of git's blob, 40 hexadecimal digits in lower case."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A model and its files at one commit."""

    model: HubModel
    """Without files, variants and card. Its `revision` is what the files are fetched by."""
    files: tuple[ListedFile, ...]
    quantization: str = ""
    """What the hub says of the whole model, where it does."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which models are searched for, and in which order. What is empty or 0 does not matter."""

    text: str = ""
    owner: str = ""
    model_type: str = ""
    format: Model.Format.ValueType = Model.FORMAT_UNSPECIFIED
    sort: SearchHubModelsRequest.Sort.ValueType = SearchHubModelsRequest.SORT_UNSPECIFIED
    trending: bool = False
    """What is in demand first, in whatever way the hub can tell."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search."""

    models: tuple[HubModel, ...]
    """Without files."""
    cursor: str
    """Where the next page begins; empty on the last."""
    total: int | None
    """How many there are on all pages."""


class Hub(Protocol):
    """A hub that can be asked. All that asks raises what `HubService` says of every RPC that asks
    a hub."""

    @property
    def kind(self) -> HubKind:
        """Which."""
        ...

    @property
    def searchable(self) -> bool:
        """Whether it has a search; one without is never asked to."""
        ...

    @property
    def endpoint(self) -> str:
        """Where it is asked."""
        ...

    @property
    def mirrors(self) -> tuple[str, ...]:
        """Where its files are to be had too."""
        ...

    @property
    def has_token(self) -> bool:
        """Whether it is shown a token."""
        ...

    async def search(self, wanted: Wanted, size: int, cursor: str) -> Found:
        """A page of at most `size` models, from 1 to 100, after the one that gave `cursor`."""
        ...

    async def details(self, model_id: str, revision: str) -> Listing:
        """A model at a revision; empty is the hub's default.

        Raises:
            HubModelNotFoundError: It has no such model or revision.
            HubModelUnsupportedError: It is none that can be downloaded.
        """
        ...

    async def card(self, listing: Listing) -> str:
        """The text that its owner wrote of it; empty if there is none."""
        ...

    def urls(self, listing: Listing, file: ListedFile) -> tuple[str, ...]:
        """Where a file is fetched: at the hub, then at its mirrors. None is signed."""
        ...
