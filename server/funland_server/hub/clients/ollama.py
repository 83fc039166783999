"""Ollama's registry: manifests by their tags, blobs by their digests. It has no search."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from funland.v1.hub_pb2 import HubModel
from funland.v1.models_pb2 import Model, Origin
from funland_server.hub import names
from funland_server.hub.clients import ollama_answers as answers
from funland_server.hub.clients.asking import Asker
from funland_server.hub.clients.bearer import AnonymousBearer
from funland_server.hub.clients.protocol import Found, HubKind, ListedFile, Listing, Wanted
from funland_server.hub.errors import HubModelUnsupportedError

_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
_LARGEST_MANIFEST: Final = 1024**2
_LARGEST_CONFIG: Final = 1024**2


@dataclass(frozen=True, slots=True)
class Ollama:
    """See `Hub`. An id may have a tag; the revision of a listing is the manifest's digest."""

    asker: Asker
    bearer: AnonymousBearer
    mirrors: tuple[str, ...] = ()
    kind: HubKind = Origin.OLLAMA
    searchable: bool = False

    @property
    def endpoint(self) -> str:
        """See `Hub`."""
        return self.asker.endpoint

    @property
    def has_token(self) -> bool:
        """See `Hub`. Those that it gives to everybody don't count."""
        return False

    async def search(self, wanted: Wanted, size: int, cursor: str) -> Found:
        """It has none."""
        return Found((), "", 0)

    async def details(self, model_id: str, revision: str) -> Listing:
        """See `Hub`. A revision is a tag, and goes before the one in the id, or a digest."""
        owner, name, tag = names.parts_of(model_id)
        known = names.tagged(model_id, "" if ":" in revision else revision or tag)
        path = f"/v2/{owner}/{name}"
        body = await self._body(
            f"{path}/manifests/{revision or tag}", known, _LARGEST_MANIFEST, {"Accept": _MANIFEST}
        )
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if ":" in revision and digest != revision:
            raise self.asker.invalid("the manifest has not the digest that was asked for")
        try:
            manifest = answers.manifest_of(self.asker.parsed(body))
            config = answers.config_of(await self._config(path, known, manifest))
        except answers.ManifestError as error:
            raise self.asker.invalid(f"of {known}: {error}") from None
        except answers.ElsewhereError as error:
            raise HubModelUnsupportedError(
                f"{known} can't be downloaded from {self.asker.name}: {error}.",
                hub=self.asker.name, model=known,
            ) from None  # fmt: skip
        model = HubModel(
            hub=Origin.OLLAMA,
            model_id=known,
            display_name=name if tag == names.LATEST else f"{name} {tag}",
            owner=owner,
            formats=[Model.GGUF],
            tags=config.capabilities,
            architecture=config.architecture,
            parameter_count=config.parameters,
            context_length=config.context_length,
            size_bytes=sum(file.size_bytes or 0 for file in manifest.files),
            revision=digest,
        )
        return Listing(model, manifest.files, config.quantization)

    async def card(self, listing: Listing) -> str:
        """It has none."""
        return ""

    def serves(self, url: str) -> bool:
        """Whether a URL is one of its own blobs, and not a mirror's."""
        return url.startswith(f"{self.endpoint}/v2/")

    def urls(self, listing: Listing, file: ListedFile) -> tuple[str, ...]:
        """See `Hub`."""
        owner, name, _ = names.parts_of(listing.model.model_id)
        path = f"/v2/{owner}/{name}/blobs/sha256:{file.sha256}"
        return tuple(base + path for base in (self.endpoint, *self.mirrors))

    async def _config(self, path: str, model: str, manifest: answers.Manifest) -> object:
        told = manifest.config
        if (told.size_bytes or 0) > _LARGEST_CONFIG:
            raise answers.ManifestError(f"its configuration is larger than {_LARGEST_CONFIG} bytes")
        body = await self._body(f"{path}/blobs/sha256:{told.sha256}", model, _LARGEST_CONFIG)
        if hashlib.sha256(body).hexdigest() != told.sha256:
            raise answers.ManifestError("its configuration is not what its digest says")
        return self.asker.parsed(body)

    async def _body(
        self, path: str, model: str, largest: int, headers: Mapping[str, str] | None = None
    ) -> bytes:
        return await self.bearer.body(path, model, largest, headers)
