"""The files of datasets on hubs: which there are at one commit, and where they are fetched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote, urlencode

from funland.v1.models_pb2 import Origin
from funland_server.downloads.plan import PlannedFile
from funland_server.errors import FieldInvalidError, FunlandError, NotFoundError, Violation
from funland_server.hub.clients import huggingface_answers, modelscope_answers, reading
from funland_server.hub.clients.asking import Asker
from funland_server.hub.clients.files import MOST_FILES
from funland_server.hub.clients.huggingface import HuggingFace
from funland_server.hub.clients.modelscope import ModelScope
from funland_server.hub.clients.protocol import DISPLAY_NAMES, HubKind, ListedFile
from funland_server.hub.hubs import Hubs
from funland_server.hub.names import revision_complaint

_THING: Final = "dataset"
_PAGE: Final = 200
_MASTER: Final = "master"


@dataclass(frozen=True, slots=True)
class Found:
    """A dataset on a hub, at one commit or, where the hub tells none, at a branch."""

    hub: HubKind
    revision: str
    files: tuple[PlannedFile, ...]
    """Their paths were not checked yet."""

    @property
    def hub_name(self) -> str:
        """What people call the hub."""
        return DISPLAY_NAMES[self.hub]


class HubDatasets:
    """Asks ModelScope and HuggingFace; Ollama has no datasets."""

    def __init__(self, hubs: Hubs) -> None:
        self._hubs = hubs

    async def find(self, kind: HubKind, repository: str, revision: str) -> Found:
        """A dataset of one hub, or of the first that has it; an empty revision is the hub's own.

        Raises:
            FieldInvalidError: The hub has no datasets, or is none of the settings; or there can be
                no such revision.
            HubModelNotFoundError: No hub has it.
            FunlandError: As `HubService` says of every RPC that asks a hub.
        """
        if revision and (why := revision_complaint(revision)):
            raise FieldInvalidError([Violation("source.hub.revision", why)])
        errors: list[FunlandError] = []
        for hub in self._hubs.checked(kind):
            try:
                match hub:
                    case HuggingFace():
                        return await _on_huggingface(hub, repository, revision)
                    case ModelScope():
                        return await _on_modelscope(hub, repository, revision)
                    case _:
                        continue
            except FunlandError as error:
                errors.append(error)
        if not errors:
            raise FieldInvalidError([Violation("source.hub.hub", "has no datasets")])
        # What could not be asked may have it.
        raise next((one for one in errors if not isinstance(one, NotFoundError)), errors[0])


async def _on_huggingface(hub: HuggingFace, repository: str, revision: str) -> Found:
    asker = replace(hub.asker, thing=_THING)
    path = f"/api/datasets/{quote(repository)}"
    at = f"{path}/revision/{quote(revision, safe='')}" if revision else path
    told, _ = await asker.json(at, model=repository)
    commit = reading.digest(reading.mapping(told).get("sha"), 40)
    if not commit:
        raise asker.invalid("it tells no commit")
    files: list[ListedFile] = []
    cursor = ""
    while True:
        query = {"recursive": "true", "expand": "false"}
        told, headers = await asker.json(
            f"{path}/tree/{commit}", {**query, "cursor": cursor} if cursor else query,
            model=repository,
        )  # fmt: skip
        page = huggingface_answers.files_of(told)
        before, cursor = cursor, huggingface_answers.next_cursor(headers)
        files += _checked(asker, page, files, more=bool(cursor) and cursor != before)
        if not cursor or cursor == before:
            break
    base = f"/datasets/{quote(repository)}/resolve/{commit}/"
    planned = (_planned(hub, file, base + quote(file.path)) for file in files)
    return Found(Origin.HUGGINGFACE, commit, tuple(planned))


async def _on_modelscope(hub: ModelScope, repository: str, revision: str) -> Found:
    asker = replace(hub.asker, thing=_THING)
    path = f"/api/v1/datasets/{quote(repository)}/repo"
    revision = revision or _MASTER
    files: list[ListedFile] = []
    number = 1
    while True:
        query: dict[str, Any] = {
            "Revision": revision, "Recursive": "True", "PageNumber": number, "PageSize": _PAGE,
        }  # fmt: skip
        told, _ = await asker.json(f"{path}/tree", query, model=repository)
        entries = modelscope_answers.entries_of(told)
        page = None if entries is None else [
            modelscope_answers.file_of(entry) for entry in entries
            if not modelscope_answers.is_folder(entry)
        ]  # fmt: skip
        whole = entries is not None and len(entries) >= _PAGE
        files += _checked(asker, page, files, more=whole)
        if not whole:
            break
        number += 1
    planned = (
        _planned(hub, file, f"{path}?{urlencode({'Revision': revision, 'FilePath': file.path})}")
        for file in files
    )
    return Found(Origin.MODELSCOPE, revision, tuple(planned))


def _checked(
    asker: Asker, page: Sequence[ListedFile] | None, before: Sequence[ListedFile], *, more: bool
) -> Sequence[ListedFile]:
    if page is None:
        raise asker.invalid("it is no list of files")
    if len(page) + len(before) > MOST_FILES or (more and len(before) >= MOST_FILES):
        raise asker.invalid(f"its list has more than {MOST_FILES} files")
    return page


def _planned(hub: HuggingFace | ModelScope, file: ListedFile, path: str) -> PlannedFile:
    urls = tuple(base + path for base in (hub.endpoint, *hub.mirrors))
    return PlannedFile(file.path, file.size_bytes, file.sha256, file.git_sha1, urls)
