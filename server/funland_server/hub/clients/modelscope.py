"""ModelScope: its search by the open API, its lists of files by the older one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from funland.v1.hub_pb2 import SearchHubModelsRequest
from funland.v1.models_pb2 import Origin
from funland_server.errors import FunlandError
from funland_server.hub.clients import modelscope_answers as answers
from funland_server.hub.clients import reading
from funland_server.hub.clients.asking import Asker
from funland_server.hub.clients.files import CARD, LONGEST_CARD, MOST_FILES, card_text
from funland_server.hub.clients.protocol import Found, HubKind, ListedFile, Listing, Wanted
from funland_server.hub.clients.tags import tag_of

_DEFAULT: Final = "master"
_DEEPEST: Final = 3000
"""It has no page beyond so many models."""
_MOST_LISTS: Final = 64
_SORTS: Final = {
    SearchHubModelsRequest.DOWNLOADS: "downloads",
    SearchHubModelsRequest.LIKES: "likes",
    SearchHubModelsRequest.UPDATED: "last_modified",
}


@dataclass(frozen=True, slots=True)
class ModelScope:
    """See `Hub`. A cursor is the number of a page."""

    asker: Asker
    mirrors: tuple[str, ...] = ()
    kind: HubKind = Origin.MODELSCOPE
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
        """See `Hub`. It has no ranking of what is in demand but the downloads."""
        page = min(int(cursor[:4]), _DEEPEST) if cursor.isdecimal() else 1
        size = min(size, _DEEPEST)
        query: dict[str, str | int | list[str]] = {"page_number": page, "page_size": size}
        sort = SearchHubModelsRequest.DOWNLOADS if wanted.trending else wanted.sort
        for name, value in (
            ("search", wanted.text),
            ("owner", wanted.owner),
            ("sort", _SORTS.get(sort, "")),
            ("filter.task", wanted.model_type),
            ("filter.library", tag_of(wanted.format) if wanted.format else ""),
        ):
            if value:
                query[name] = value
        told, _ = await self.asker.json("/openapi/v1/models", query)
        found = answers.page_of(told, page, size)
        if found is None:
            raise self.asker.invalid("it is no list of models")
        if (page + 1) * size > _DEEPEST:
            found = Found(found.models, "", found.total)
        return found

    async def details(self, model_id: str, revision: str) -> Listing:
        """See `Hub`. The commit is that of the newest file, if the hub has the same files under
        its name; else the revision that was asked for, and the digests alone bind the files."""
        told, _ = await self.asker.json(f"/openapi/v1/models/{quote(model_id)}", model=model_id)
        model = answers.model_of(reading.mapping(reading.mapping(told).get("data")))
        if model is None or model.model_id.lower() != model_id.lower():
            raise self.asker.invalid("it is not about the model that was asked for")
        asked = revision or _DEFAULT
        entries = await self._entries(model_id, asked)
        files = _files(entries)
        commit = answers.commit_of(entries)
        if commit and commit != asked:
            try:
                pinned = _files(await self._entries(model_id, commit))
            except FunlandError:
                pinned = ()
            asked = commit if pinned == files else asked
        model.revision = asked
        sizes = [file.size_bytes for file in files]
        if sizes and None not in sizes:
            model.size_bytes = sum(size or 0 for size in sizes)
        return Listing(model, files)

    async def card(self, listing: Listing) -> str:
        """See `Hub`."""
        if all(file.path != CARD for file in listing.files):
            return ""
        body, _ = await self.asker.body(
            f"/api/v1/models/{quote(listing.model.model_id)}/repo",
            {"Revision": listing.model.revision, "FilePath": CARD},
            model=listing.model.model_id, largest=LONGEST_CARD,
        )  # fmt: skip
        return card_text(body)

    def urls(self, listing: Listing, file: ListedFile) -> tuple[str, ...]:
        """See `Hub`."""
        query = urlencode({"Revision": listing.model.revision, "FilePath": file.path})
        path = f"/api/v1/models/{quote(listing.model.model_id)}/repo?{query}"
        return tuple(base + path for base in (self.endpoint, *self.mirrors))

    async def _entries(self, model_id: str, revision: str) -> list[reading.Object]:
        """All entries. A list that was cut off is walked folder by folder."""
        asked = 0

        async def listed(root: str, *, recursive: bool) -> list[reading.Object]:
            nonlocal asked
            asked += 1
            if asked > _MOST_LISTS:
                raise self.asker.invalid(f"its list has more than {MOST_FILES} files")
            query = {"Revision": revision, "Recursive": str(recursive)}
            told, _ = await self.asker.json(
                f"/api/v1/models/{quote(model_id)}/repo/files",
                {**query, "Root": root} if root else query,
                model=model_id,
            )
            entries = answers.entries_of(told)
            if entries is None:
                raise self.asker.invalid("it is no list of files")
            return entries

        async def walked(root: str) -> list[reading.Object]:
            entries = await listed(root, recursive=True)
            if len(entries) < answers.MOST_LISTED:
                return entries
            shallow = await listed(root, recursive=False)
            if len(shallow) >= answers.MOST_LISTED:
                raise self.asker.invalid(f"a folder has more than {len(shallow) - 1} files")
            found = [entry for entry in shallow if not answers.is_folder(entry)]
            for entry in shallow:
                if answers.is_folder(entry):
                    found += await walked(answers.path_of(entry))
                if len(found) > MOST_FILES:
                    raise self.asker.invalid(f"its list has more than {MOST_FILES} files")
            return found

        return await walked("")


def _files(entries: list[reading.Object]) -> tuple[ListedFile, ...]:
    return tuple(answers.file_of(entry) for entry in entries if not answers.is_folder(entry))
