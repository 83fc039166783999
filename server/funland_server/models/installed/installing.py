"""Makes models of what was downloaded into the content store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

import structlog

from funland.v1.models_pb2 import Model, Origin
from funland_server.blobs.store import Blobs
from funland_server.models.adapters.store import Adapters
from funland_server.models.errors import AdapterExistsError
from funland_server.models.formats.header import ModelHeader
from funland_server.models.formats.projector import FILE as PROJECTOR
from funland_server.models.formats.projector import read_projector
from funland_server.models.installed.catalog import ModelCatalog
from funland_server.models.installed.defaults import Defaults
from funland_server.models.installed.layout import layout
from funland_server.models.installed.model import Fingerprint, InstalledModel, hub_names
from funland_server.models.installed.store import NewModel
from funland_server.models.ollama.layers import LARGEST_LAYER, TEXT_LAYERS, read_layers
from funland_server.workers.errors import AdapterInvalidError, ModelFileInvalidError

logger = structlog.get_logger(__name__)

_WEIGHTS: Final = "model.gguf"
_ADAPTER: Final = "adapter.gguf"
_ADAPTER_ID: Final = "adapter"


class PlannedFile(Protocol):
    """What is needed to know of `downloads.plan.PlannedFile`."""

    @property
    def path(self) -> str: ...  # noqa: D102 - as there
    @property
    def sha256(self) -> str: ...  # noqa: D102 - as there


class Plan(Protocol):
    """What is needed to know of `downloads.plan.Plan`."""

    @property
    def origin(self) -> Origin: ...  # noqa: D102 - as there
    @property
    def format(self) -> Model.Format.ValueType: ...  # noqa: D102 - as there
    @property
    def files(self) -> tuple[PlannedFile, ...]: ...  # noqa: D102 - as there


class Installing:
    """The `downloads.plan.Installer` of this server."""

    def __init__(
        self,
        catalog: ModelCatalog,
        blobs: Blobs,
        adapters: Adapters,
        changed: Callable[[str], None],
        let_go: Callable[[InstalledModel], Awaitable[None]],
    ) -> None:
        """`changed` is called with the id of a model that got an adapter, `let_go` with one that
        another version has taken the place of."""
        self._catalog = catalog
        self._blobs = blobs
        self._adapters = adapters
        self._changed = changed
        self._let_go = let_go

    async def install(
        self, plan: Plan, model_id: str, aliases: tuple[str, ...], blobs: Mapping[str, str]
    ) -> str:
        """Registers a model, and gives its id. `blobs` are the files' SHA-256 by their paths; one
        that is registered already from the same files stays as it is, and another version from the
        same place is replaced.

        Raises:
            ModelExistsError: Another model has the id or an alias.
            ModelFileInvalidError: It is no model that can be installed; nothing was left of it.
            StorageFullError: The disk is full.
        """
        twin = next((one for one in self._catalog.all() if _is_of(one, plan)), None)
        files = twin.files if twin else _digests(plan, blobs)
        if twin is None:
            files = await asyncio.to_thread(self._usable, files)
        wanted = plan.origin.hub == Origin.OLLAMA
        layers = await asyncio.to_thread(self._layers, blobs if wanted else {})

        def defaults(header: ModelHeader) -> Defaults:
            if twin is not None:
                return twin.defaults
            return _defaults(model_id, layers, header, blobs) if wanted else Defaults()

        new = NewModel(model_id, aliases, hub_names(plan.origin)[0], plan.origin, defaults)
        model = await self._catalog.install(
            files,
            new,
            same=lambda one: _is_of(one, plan),
            replaces=lambda one: _is_from(one, plan.origin),
            let_go=self._let_go,
        )
        digest = blobs.get(_ADAPTER, "") if wanted else ""
        if digest and await asyncio.to_thread(self._attach, model, digest):
            self._changed(model.model_id)
        return model.model_id

    def taken(self, model_id: str, aliases: tuple[str, ...], plan: Plan) -> str | None:
        """The name among these that another model has; None if all are free, or are the names of
        one from the same place."""
        for name in (model_id, *aliases):
            model = self._catalog.find(name)
            if model is not None and not _is_from(model, plan.origin):
                return name
        return None

    def has(self, plan: Plan) -> Path | None:
        """Where a model that was made of the same files lies, untouched since; None if there is
        none."""
        for model in self._catalog.all():
            if _is_of(model, plan) and _is_untouched(model):
                return model.path
        return None

    def _usable(self, files: Mapping[str, str]) -> Mapping[str, str]:
        """The files without a projector that can't be used: its model still writes. Blocks."""
        path = self._blobs.find(files[PROJECTOR]) if PROJECTOR in files else None
        if path is None:
            return files
        try:
            read_projector(path)
        except ModelFileInvalidError as error:
            logger.warning("projector_left_out", why=error.message)
            return {name: digest for name, digest in files.items() if name != PROJECTOR}
        return files

    def _layers(self, blobs: Mapping[str, str]) -> Mapping[str, bytes]:
        """The texts among an Ollama model's layers. Blocks."""
        found = {name: self._blobs.find(blobs[name]) for name in TEXT_LAYERS if blobs.get(name)}
        return {
            name: path.read_bytes()
            for name, path in found.items()
            if path is not None and path.stat().st_size <= LARGEST_LAYER
        }

    def _attach(self, model: InstalledModel, digest: str) -> bool:
        """Attaches the adapter of an Ollama model; whether it is one that can be and was not yet.
        Blocks."""
        path = self._blobs.find(digest)
        try:
            if path is None:
                return False
            self._adapters.add(model, _ADAPTER_ID, path)
        except AdapterExistsError:
            return False
        except AdapterInvalidError as error:
            logger.warning("adapter_passed_over", model=model.model_id, why=error.message)
            return False
        return True


def _digests(plan: Plan, blobs: Mapping[str, str]) -> Mapping[str, str]:
    """The SHA-256 of a model's files by the paths that they get in its folder."""
    if plan.origin.hub == Origin.OLLAMA:
        paths: Mapping[str, str] = {_WEIGHTS: _WEIGHTS}
        if blobs.get(PROJECTOR):
            paths = {**paths, PROJECTOR: PROJECTOR}
    else:
        paths = layout(plan.format, [file.path for file in plan.files])
    missing = [path for path in paths.values() if not blobs.get(path)]
    if missing:
        name = missing[0].rpartition("/")[2]
        raise ModelFileInvalidError(f"{name} was not downloaded.", file=name)
    return {name: blobs[path] for name, path in paths.items()}


def _defaults(
    model_id: str, layers: Mapping[str, bytes], header: ModelHeader, blobs: Mapping[str, str]
) -> Defaults:
    return read_layers(
        model_id,
        layers,
        own_template=header.has_chat_template,
        adapters=(_ADAPTER_ID,) if blobs.get(_ADAPTER) else (),
    )


def _is_from(model: InstalledModel, place: Origin) -> bool:
    """Whether a model is from a place on a hub, in whatever version."""
    origin = model.origin
    return origin is not None and (origin.hub, origin.model_id, origin.variant) == (
        place.hub, place.model_id, place.variant,
    )  # fmt: skip


def _is_of(model: InstalledModel, plan: Plan) -> bool:
    """Whether a model was made of the files of a plan."""
    origin, planned = model.origin, plan.origin
    if origin is None or not _is_from(model, planned):
        return False
    if origin.revision == planned.revision:
        return True
    if planned.hub == Origin.OLLAMA:
        return False
    # Another commit, which may have changed nothing of these files.
    told = {file.path: file.sha256 for file in plan.files}
    try:
        return dict(_digests(plan, told)) == dict(model.files)
    except ModelFileInvalidError:  # the hub does not tell all sums
        return False


def _is_untouched(model: InstalledModel) -> bool:
    try:
        return Fingerprint.of(model.path) == model.fingerprint
    except OSError:
        return False
