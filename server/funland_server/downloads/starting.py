"""Begins downloads: what is asked for becomes a plan that is safe to carry out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from funland.v1.downloads_pb2 import Download, StartDownloadRequest
from funland.v1.models_pb2 import Origin
from funland_server.blobs.digests import is_sha256
from funland_server.downloads.files.names import collision, complaint, is_never_fetched
from funland_server.downloads.jobs.control import Control
from funland_server.downloads.plan import Installer, Plan, PlannedFile, Resolver
from funland_server.models.errors import ModelExistsError
from funland_server.web.errors import AnswerInvalidError
from funland_server.web.urls import parse

_MOST_FILES = 10_000
_LARGEST = 2**50
"""Bytes of a file."""


@dataclass(frozen=True, slots=True)
class Starting:
    """What is asked before a download begins."""

    resolver: Resolver
    installer: Installer
    control: Control

    async def start(self, request: StartDownloadRequest) -> Download:
        """Begins a download, or answers the one that there is.

        Raises:
            FunlandError: What `DownloadService.StartDownload` promises.
        """
        plan = checked(await self.resolver.resolve(request))
        names = request.model_id or plan.model_id, tuple(request.aliases)
        if (taken := self.installer.taken(*names, plan)) is not None:
            raise ModelExistsError(taken)
        return await self.control.add(request, plan)


def checked(plan: Plan) -> Plan:
    """A plan whose files may be fetched: whoever made it, nothing unsafe gets past here.

    Raises:
        AnswerInvalidError: A file's path, size, hash or URL is none. The error names it.
        AddressNotAllowedError: A file's URL is none.
    """
    if not 0 < len(plan.files) <= _MOST_FILES:
        raise _invalid(plan, "", f"it has not 1 to {_MOST_FILES} files")
    paths = {file.path for file in plan.files}
    for file in plan.files:
        if why := complaint(file.path) or _complaint(file):
            raise _invalid(plan, file.path, why)
        if is_never_fetched(file.path, paths):
            raise _invalid(plan, file.path, "it may be a pickle or a program, never fetched")
        for url in file.urls:
            parse(url)
    if (path := collision(file.path for file in plan.files)) is not None:
        raise _invalid(plan, path, "another file of the list takes its place")
    return replace(
        plan, files=tuple(replace(file, sha256=file.sha256.lower()) for file in plan.files)
    )


def _complaint(file: PlannedFile) -> str | None:
    if file.sha256 and not is_sha256(file.sha256.lower()):
        return "its SHA-256 is none"
    if file.size_bytes is not None and not 0 <= file.size_bytes <= _LARGEST:
        return "its size is none"
    return None if file.urls else "nobody says where it is"


def _invalid(plan: Plan, path: str, why: str) -> AnswerInvalidError:
    hub = Origin.Hub.Name(plan.origin.hub).lower()
    # Escaped, since the name may hold whatever its author wants to be seen.
    shown = ascii(path[:200])
    return AnswerInvalidError(
        f"The hub's list of {plan.origin.model_id} can't be used: {shown}: {why}.",
        hub=hub,
        file=path[:200].encode("utf-8", "replace").decode(),
    )
