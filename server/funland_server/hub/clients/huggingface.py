"""HuggingFace: its API for models, and the files of one commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from funland.v1.hub_pb2 import SearchHubModelsRequest
from funland.v1.models_pb2 import Origin
from funland_server.hub.clients import huggingface_answers as answers
from funland_server.hub.clients import reading
from funland_server.hub.clients.asking import Asker
from funland_server.hub.clients.files import CARD, LONGEST_CARD, MOST_FILES, card_text
from funland_server.hub.clients.protocol import Found, HubKind, ListedFile, Listing, Wanted
from funland_server.hub.clients.tags import tag_of

_SORTS: Final = {
    SearchHubModelsRequest.DOWNLOADS: "downloads",
    SearchHubModelsRequest.LIKES: "likes",
    SearchHubModelsRequest.UPDATED: "lastModified",
}
_IN_DEMAND: Final = "trendingScore"


@dataclass(frozen=True, slots=True)
class HuggingFace:
    """See `Hub`. A cursor is the hub's own."""

    asker: Asker
    mirrors: tuple[str, ...] = ()
    kind: HubKind = Origin.HUGGINGFACE
    searchable: bool = True

    @property
    def endpoint(self) -> str:
        """See `Hub`."""
        return self.asker.endpoint

    @property
    def has_token(self) -> bool:
        """See `Hub`."""
        return self.asker.credential is not None

    async def search(self, wanted: Wanted, size: int, cursor: str) -> Found:
        """See `Hub`."""
        query: dict[str, str | int | list[str]] = {"limit": size, "full": "true"}
        for name, value in (
            ("search", wanted.text),
            ("author", wanted.owner),
            ("pipeline_tag", wanted.model_type),
            ("filter", tag_of(wanted.format) if wanted.format else ""),
            ("sort", _IN_DEMAND if wanted.trending else _SORTS.get(wanted.sort, "")),
            ("cursor", cursor),
        ):
            if value:
                query[name] = value
        told, headers = await self.asker.json("/api/models", query)
        models = answers.models_of(told, size)
        if models is None:
            raise self.asker.invalid("it is no list of models")
        return Found(models, answers.next_cursor(headers), None)

    async def details(self, model_id: str, revision: str) -> Listing:
        """See `Hub`. All files are those of the commit that the revision is now."""
        path = f"/api/models/{quote(model_id)}"
        at = f"{path}/revision/{quote(revision, safe='')}" if revision else path
        told, _ = await self.asker.json(at, model=model_id)
        model = answers.model_of(reading.mapping(told))
        if model is None or not model.revision:
            raise self.asker.invalid("it tells no model and commit")
        files = await self._files(model.model_id, model.revision)
        sizes = [file.size_bytes for file in files]
        if sizes and None not in sizes:
            model.size_bytes = sum(size or 0 for size in sizes)
        return Listing(model, files)

    async def card(self, listing: Listing) -> str:
        """See `Hub`."""
        if all(file.path != CARD for file in listing.files):
            return ""
        model = listing.model
        body, _ = await self.asker.body(
            f"/{quote(model.model_id)}/resolve/{model.revision}/{CARD}",
            model=model.model_id, largest=LONGEST_CARD,
        )  # fmt: skip
        return card_text(body)

    def urls(self, listing: Listing, file: ListedFile) -> tuple[str, ...]:
        """See `Hub`."""
        model = listing.model
        path = f"/{quote(model.model_id)}/resolve/{model.revision}/{quote(file.path)}"
        return tuple(base + path for base in (self.endpoint, *self.mirrors))

    async def _files(self, model_id: str, commit: str) -> tuple[ListedFile, ...]:
        files: list[ListedFile] = []
        cursor = ""
        while True:
            query = {"recursive": "true", "expand": "false"}
            told, headers = await self.asker.json(
                f"/api/models/{quote(model_id)}/tree/{commit}",
                {**query, "cursor": cursor} if cursor else query,
                model=model_id,
            )
            page = answers.files_of(told)
            if page is None:
                raise self.asker.invalid("it is no list of files")
            files += page
            before, cursor = cursor, answers.next_cursor(headers)
            if len(files) > MOST_FILES or (cursor and (not page or cursor == before)):
                raise self.asker.invalid(f"its list has more than {MOST_FILES} files")
            if not cursor:
                return tuple(files)
