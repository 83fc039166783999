"""Chooses what to install of a model: for those who ask, and for downloads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from funland.v1.downloads_pb2 import StartDownloadRequest
from funland.v1.hub_pb2 import ChooseVariantRequest, VariantChoice
from funland.v1.models_pb2 import Model, Origin
from funland_server.downloads.files.names import complaint, is_never_fetched
from funland_server.downloads.plan import Plan, PlannedFile
from funland_server.errors import FunlandError
from funland_server.hub.choice.ranking import Ranked, Ranking, all_variants
from funland_server.hub.choice.variants import Variant
from funland_server.hub.clients.protocol import DISPLAY_NAMES, Hub, ListedFile, Listing
from funland_server.hub.errors import (
    HubAnswerInvalidError,
    HubModelUnsupportedError,
    VariantNotFoundError,
)
from funland_server.hub.hubs import Hubs
from funland_server.hub.knowledge import Knowledge, Told
from funland_server.hub.names import tagged
from funland_server.hub.sources import Source, read_source
from funland_server.models.installed.model import hub_slug

_MOST_NAMED: Final = 12
"""Variants that an error names."""
_TWIN_SECONDS: Final = 2.0
"""How long other hubs may take to say that they have the same files. They are asked only where
nobody said which hub is meant."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    hub: Hub
    twins: Sequence[Told]
    """What other hubs have under the same name."""
    listing: Listing
    ranked: Sequence[Ranked]
    """What was chosen, and then the others."""
    asked_for: bool

    @property
    def variant(self) -> Variant:
        return self.ranked[0].variant

    @property
    def origin(self) -> Origin:
        model = self.listing.model
        model_id = model.model_id
        if model.hub == Origin.OLLAMA:
            model_id = tagged(model_id, "")
        return Origin(
            hub=model.hub, model_id=model_id, revision=model.revision, variant=self.variant.name
        )

    def urls(self, file: ListedFile) -> tuple[str, ...]:
        """Where a file is to be had: at the hub, at its mirrors, and at other hubs that have the
        same bytes."""
        found = dict.fromkeys(self.hub.urls(self.listing, file))
        for twin in self.twins:
            for other in twin.listing.files if file.sha256 else ():
                if (other.sha256, other.size_bytes) == (file.sha256, file.size_bytes):
                    found |= dict.fromkeys(twin.hub.urls(twin.listing, other))
        return tuple(found)

    @property
    def reason(self) -> str:
        choice = self.ranked[0].choice
        return f"it was asked for: {choice.reason}" if self.asked_for else choice.reason

    @property
    def model_id(self) -> str:
        if self.variant.format == Model.GGUF:
            return hub_slug(self.origin)
        return hub_slug(Origin(model_id=self.listing.model.model_id))


class Choosing:
    """It is the downloads' `Resolver`."""

    def __init__(
        self,
        hubs: Hubs,
        knowledge: Knowledge,
        ranking: Ranking,
        *,
        has_vllm: Callable[[], bool] = lambda: False,
    ) -> None:
        """`has_vllm` tells whether vLLM is installed, which runs safetensors that no other engine
        does; it may block."""
        self._hubs = hubs
        self._knowledge = knowledge
        self._ranking = ranking
        self._has_vllm = has_vllm

    async def choose(self, request: ChooseVariantRequest) -> VariantChoice:
        """See `HubService.ChooseVariant`."""
        chosen = await self._choose(request)
        return VariantChoice(
            origin=chosen.origin,
            variant=chosen.ranked[0].to_wire(),
            reason=chosen.reason,
            others=[one.to_wire() for one in chosen.ranked[1:]],
            model_id=chosen.model_id,
        )

    async def resolve(self, request: StartDownloadRequest) -> Plan:
        """What a request means. Raises what `DownloadService.StartDownload` promises."""
        chosen = await self._choose(request)
        variant = chosen.variant
        return Plan(
            origin=chosen.origin,
            format=variant.format,
            quantization=variant.quantization,
            files=tuple(
                PlannedFile(
                    file.path, file.size_bytes, file.sha256, file.git_sha1,
                    chosen.urls(file),
                )
                for file in variant.files
            ),
            model_id=chosen.model_id,
            reason="" if chosen.asked_for else chosen.reason,
        )  # fmt: skip

    async def _choose(self, request: ChooseVariantRequest | StartDownloadRequest) -> _Chosen:
        source = read_source(
            request.source, hub=request.hub, revision=request.revision, variant=request.variant,
            hosts=self._hubs.hosts,
        )  # fmt: skip
        hubs = self._knowledge.hubs_for(source.hub, source.model_id, "source")
        told, *twins = await self._knowledge.tell_all(
            hubs, source.model_id, source.revision, others_seconds=_TWIN_SECONDS
        )
        if told.error is not None:  # what was known once is not what a download may begin with
            raise told.error
        listing = told.listing
        context = request.context_length if request.HasField("context_length") else None
        every = self._ranking.rank(listing.model, all_variants(listing), context_length=context)
        right = [one for one in every if _is_meant(one.variant, source, request.format)]
        if not every:
            raise _nothing(listing)
        if not right:
            raise _no_such_variant(listing, source, request.format, every)
        best = right[0]
        if not best.choice.loadable and not await self._runs_on_vllm(best):
            raise HubModelUnsupportedError(
                f"{_name(listing)} can't be loaded here. {best.choice.reason}",
                hub=DISPLAY_NAMES[listing.model.hub], model=listing.model.model_id,
            )  # fmt: skip
        others = [one for one in every if one is not best]
        return _Chosen(told.hub, twins, listing, [best, *others], bool(source.variant))

    async def _runs_on_vllm(self, best: Ranked) -> bool:
        if best.variant.format != Model.SAFETENSORS:
            return False
        return await asyncio.to_thread(self._has_vllm)


def _is_meant(variant: Variant, source: Source, wanted: Model.Format.ValueType) -> bool:
    if wanted not in (Model.FORMAT_UNSPECIFIED, variant.format):
        return False
    return not source.variant or variant.is_called(source.variant)


def _nothing(listing: Listing) -> FunlandError:
    """Why nothing of a model can be installed."""
    hub, model = DISPLAY_NAMES[listing.model.hub], listing.model.model_id
    paths = {file.path for file in listing.files}
    for file in listing.files:
        if why := complaint(file.path):
            return HubAnswerInvalidError(
                f"{_name(listing)} lists a file that can't be fetched: {why}.",
                hub=hub, file=file.path[:200],
            )  # fmt: skip
    refused = any(is_never_fetched(path, paths) for path in paths)
    why = (
        "its weights are pickles, which can run programs" if refused
        else "it has no whole set of weights in a format that Funland reads"
    )  # fmt: skip
    return HubModelUnsupportedError(
        f"{_name(listing)} can't be installed: {why}. Funland reads GGUF, safetensors, OpenVINO,"
        " CTranslate2, and voices of Piper, Kokoro, and VITS and Matcha with a lexicon.",
        hub=hub, model=model,
    )  # fmt: skip


def _no_such_variant(
    listing: Listing, source: Source, wanted: Model.Format.ValueType, there: Sequence[Ranked]
) -> VariantNotFoundError:
    asked = source.variant or Model.Format.Name(wanted)
    names = ", ".join(one.variant.name for one in there[:_MOST_NAMED])
    more = f" and {len(there) - _MOST_NAMED} more" if len(there) > _MOST_NAMED else ""
    return VariantNotFoundError(
        f"{_name(listing)} has no {asked[:80]}; it has {names}{more}.",
        hub=DISPLAY_NAMES[listing.model.hub], model=listing.model.model_id, variant=asked[:200],
    )  # fmt: skip


def _name(listing: Listing) -> str:
    return f"{listing.model.model_id} on {DISPLAY_NAMES[listing.model.hub]}"
