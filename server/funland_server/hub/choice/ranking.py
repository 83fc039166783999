"""Puts variants in order for this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from funland.v1.hub_pb2 import HubModel, HubVariant
from funland.v1.models_pb2 import Origin
from funland_server.hub.choice.variants import Variant, tagged_variant, variants_of
from funland_server.hub.clients.protocol import Listing
from funland_server.hub.names import parts_of
from funland_server.models.choosing import Candidate, Choice, Machine, choose
from funland_server.models.formats.quantizations import quantization_of


@dataclass(frozen=True, slots=True)
class Ranked:
    """A variant, and how it would do here."""

    variant: Variant
    choice: Choice

    def to_wire(self) -> HubVariant:
        """As callers see it."""
        variant, choice = self.variant, self.choice
        return HubVariant(
            name=variant.name,
            format=variant.format,
            quantization=variant.quantization,
            paths=[file.path for file in variant.files],
            size_bytes=variant.size_bytes,
            footprint=choice.footprint,
            fits=choice.fits,
        )


@dataclass(frozen=True, slots=True)
class Ranking:
    """Knows this machine."""

    machine: Callable[[], Machine]

    def rank(
        self,
        model: HubModel,
        variants: Iterable[Variant],
        *,
        context_length: int | None = None,
    ) -> list[Ranked]:
        """Variants of a model, the best first."""
        by_name = {one.name: one for one in variants}
        candidates = [_candidate(model, one) for one in by_name.values()]
        choices = choose(candidates, self.machine(), context_length=context_length)
        return [Ranked(by_name[one.candidate.name], one) for one in choices]


def all_variants(listing: Listing) -> list[Variant]:
    """What can be installed of a model as its hub lists it."""
    model = listing.model
    if model.hub == Origin.OLLAMA:
        _, _, tag = parts_of(model.model_id)
        return [tagged_variant(tag, listing.quantization, listing.files)]
    named = listing.quantization or quantization_of(model.model_id.rpartition("/")[2])[1]
    return variants_of(listing.files, named)


def _candidate(model: HubModel, variant: Variant) -> Candidate:
    # What a repository says of its weights is said of the whole; of several formats it may be
    # anybody's, but their number is the same.
    return Candidate(
        name=variant.name,
        format=variant.format,
        quantization=variant.quantization,
        size_bytes=variant.size_bytes,
        architecture=model.architecture,
        parameter_count=model.parameter_count if model.HasField("parameter_count") else None,
        context_length=model.context_length if model.HasField("context_length") else None,
    )
