"""LoRA adapters on the disk: a folder for each, with the weights and what is known of them.

    adapters/
      qwen2.5-0.5b-instruct-q8_0/
        polite/
          adapter.gguf           of a model that paints adapter.safetensors
          adapter.json

They lie beside the store of models and not in it, so that the built-in model, which is not in the
store, has them too. A folder gets its final name only when both files are whole and on the disk.
While a model takes another's place, `.replaced-ID` has what the other had.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

import structlog
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from funland.v1.models_pb2 import Model
from funland_server.blobs.store import Blobs
from funland_server.durable import sync, write_whole
from funland_server.models.adapters.lora import check_adapter
from funland_server.models.errors import AdapterExistsError
from funland_server.models.installed.model import Fingerprint, InstalledModel, sha256
from funland_server.workers.errors import AdapterInvalidError, AdapterNotFoundError

logger = structlog.get_logger(__name__)

_GGUF: Final = "adapter.gguf"
_SAFETENSORS: Final = "adapter.safetensors"
_MANIFEST: Final = "adapter.json"
_REPLACED: Final = ".replaced-"
_NEWER: Final = "newer"
"""Says which model the adapters are of that took the place of those beside it."""
_OLDER: Final = "older"


@dataclass(frozen=True)
class Adapter:
    """What is known of an adapter; its id is its folder's name."""

    source: str
    """The name of the file that it came from."""
    sha256: str
    fingerprint: Fingerprint
    model_sha256: str
    """The model that it was checked against."""
    file: Literal["adapter.gguf", "adapter.safetensors"] = _GGUF
    """What its weights are called in the store."""


_manifest = TypeAdapter(Adapter)


@dataclass(frozen=True)
class Prepared:
    """Adapters that are whole and on the disk, but no model's yet."""

    folder: Path
    adapters: dict[str, Adapter]


class Adapters:
    """The adapters of all models. Its methods block, but for `list`: call them from a thread."""

    def __init__(self, folder: Path, models: Iterable[InstalledModel], blobs: Blobs) -> None:
        """Reads the adapters of these models; what is not whole, or belongs to other weights of
        the same id, is logged and passed over. Raises OSError if the folder can't be used."""
        self._folder = folder
        self._blobs = blobs
        folder.mkdir(parents=True, exist_ok=True)
        for partial in folder.glob(".*"):  # an import or a removal that never ended
            if not partial.name.startswith(_REPLACED):
                shutil.rmtree(partial, ignore_errors=True)
        present = {model.model_id: model for model in models}
        for kept in folder.glob(f"{_REPLACED}*"):
            model_id = kept.name.removeprefix(_REPLACED)
            if self._is_newer(kept, present.get(model_id)):
                shutil.rmtree(kept, ignore_errors=True)
            else:
                self._bring_back(model_id)
        self._known = {model_id: self._read(model) for model_id, model in present.items()}
        self._turn = threading.Lock()
        """Of whoever gives the adapters of a model their names, or takes them."""

    def list(self, model_id: str) -> dict[str, Adapter]:
        """A model's adapters by their ids, in order."""
        return dict(sorted(self._known.get(model_id, {}).items()))

    def of(self, model_id: str) -> dict[str, Path]:
        """The files of a model's adapters by their ids, checked to be what was attached. A file is
        hashed again only if its size or its time of change are not as they were.

        Raises:
            AdapterInvalidError: One is gone or changed.
        """
        files: dict[str, Path] = {}
        for adapter_id, adapter in self.list(model_id).items():
            file = self._place(model_id, adapter_id, adapter)
            try:
                same = Fingerprint.of(file) == adapter.fingerprint or sha256(file) == adapter.sha256
            except OSError:
                same = False
            if not same:
                raise AdapterInvalidError(
                    f"The file of adapter {adapter_id!r} is not what was attached: detach it, and"
                    " attach it again.",
                    model=model_id,
                    file=adapter.source,
                )
            files[adapter_id] = file
        return files

    def add(self, model: InstalledModel, adapter_id: str, source: Path) -> None:
        """Takes a file that is an adapter for the model into the store.

        Raises:
            AdapterExistsError: The model has one of that id.
            AdapterInvalidError: The file is no adapter for the model, or can't be copied.
        """
        if adapter_id in self._known.get(model.model_id, {}):
            raise AdapterExistsError(model.model_id, adapter_id)
        # Before a byte is copied, and again what was copied: the file may change meanwhile.
        check_adapter(source, model)
        try:
            partial = Path(tempfile.mkdtemp(prefix=".import-", dir=self._folder))
        except OSError as error:
            raise _not_copied(model, source, error) from error
        try:
            adapter = self._import(model, source, partial)
            with self._turn:
                self._name(model.model_id, adapter_id, partial)
                self._known.setdefault(model.model_id, {})[adapter_id] = adapter
        except OSError as error:
            raise _not_copied(model, source, error) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def prepare(self, model: InstalledModel, files: Mapping[str, Path]) -> Prepared:
        """Takes files that are to be a new model's adapters, by their ids, into the store. The
        model need not have its place yet.

        Raises:
            AdapterInvalidError: One is no adapter for the model, or can't be copied.
        """
        folder = Path(tempfile.mkdtemp(prefix=".import-", dir=self._folder))
        prepared = Prepared(folder, {})
        for adapter_id, source in files.items():
            try:
                (folder / adapter_id).mkdir()
                prepared.adapters[adapter_id] = self._import(model, source, folder / adapter_id)
            except OSError as error:
                self.drop(prepared)
                raise _not_copied(model, source, error) from error
            except AdapterInvalidError:
                self.drop(prepared)
                raise
        return prepared

    def exchange(self, model: InstalledModel, prepared: Prepared) -> dict[str, Adapter]:
        """Gives a model these adapters, and gives what it had before. That stays on the disk until
        `settle` or `take_back`: if the process ends before, the next start sees by the model that
        is there which of them are its."""
        home, kept = self._folder / model.model_id, self._kept(model.model_id)
        if kept.exists():
            shutil.rmtree(kept)
        kept.mkdir()
        write_whole(kept / _NEWER, _told(model).encode())
        with self._turn:
            if home.exists():
                home.rename(kept / _OLDER)
            else:
                (kept / _OLDER).mkdir()
            if prepared.adapters:
                prepared.folder.rename(home)
            old = self._known.pop(model.model_id, {})
            self._known[model.model_id] = prepared.adapters
            sync(self._folder)
        return old

    def settle(self, model_id: str, old: Mapping[str, Adapter]) -> None:
        """Deletes what a model had before an exchange."""
        shutil.rmtree(self._kept(model_id), ignore_errors=True)
        self._release(old)

    def take_back(self, model_id: str, old: Mapping[str, Adapter]) -> None:
        """Gives a model again what it had before an exchange, if there was one."""
        with self._turn:
            if self._bring_back(model_id):
                self._known[model_id] = dict(old)

    def drop(self, prepared: Prepared) -> None:
        """Deletes what was prepared for a model that came to nothing."""
        shutil.rmtree(prepared.folder, ignore_errors=True)
        self._release(prepared.adapters)

    def remove(self, model_id: str, adapter_id: str) -> None:
        """Forgets an adapter and deletes its files.

        Raises:
            AdapterNotFoundError: The model has none of that id.
        """
        with self._turn:
            adapter = self._known.get(model_id, {}).pop(adapter_id, None)
            if adapter is not None:
                self._delete(self._folder / model_id / adapter_id)
        if adapter is None:
            raise AdapterNotFoundError(
                f"Model {model_id!r} has no adapter {adapter_id!r}.",
                model=model_id,
                adapter=adapter_id,
            )
        self._blobs.release(adapter.sha256)

    def forget(self, model_id: str) -> None:
        """Deletes all adapters of a model that is deleted."""
        with self._turn:
            adapters = self._known.pop(model_id, {})
            self._delete(self._folder / model_id)
        self._release(adapters)

    def keep_for(self, model: InstalledModel) -> None:
        """Deletes those of a model's adapters that were checked against other weights than it has
        now."""
        for adapter_id, adapter in self.list(model.model_id).items():
            if adapter.model_sha256 != model.sha256:
                self.remove(model.model_id, adapter_id)

    def _kept(self, model_id: str) -> Path:
        """Where the adapters lie that a model has no more, amid an exchange."""
        return self._folder / f"{_REPLACED}{model_id}"

    def _is_newer(self, kept: Path, model: InstalledModel | None) -> bool:
        """Whether a model is the one for which an exchange was made."""
        try:
            return model is not None and (kept / _NEWER).read_text() == _told(model)
        except OSError:  # it was never begun
            return True

    def _bring_back(self, model_id: str) -> bool:
        """Undoes an exchange on the disk; whether there was one."""
        kept, home = self._kept(model_id), self._folder / model_id
        if not kept.exists():
            return False
        older = kept / _OLDER
        if older.exists():  # else nothing was exchanged yet
            self._delete(home)
            if any(older.iterdir()):
                older.rename(home)
        shutil.rmtree(kept)
        return True

    def _name(self, model_id: str, adapter_id: str, partial: Path) -> None:
        """Gives a folder that has all of an adapter its final name."""
        home = self._folder / model_id
        home.mkdir(exist_ok=True)
        final = home / adapter_id
        shutil.rmtree(final, ignore_errors=True)  # one that was passed over
        partial.rename(final)
        sync(home)
        sync(self._folder)

    def _release(self, adapters: Mapping[str, Adapter]) -> None:
        for adapter in adapters.values():
            self._blobs.release(adapter.sha256)

    def _place(self, model_id: str, adapter_id: str, adapter: Adapter) -> Path:
        return self._folder / model_id / adapter_id / adapter.file

    def _read(self, model: InstalledModel) -> dict[str, Adapter]:
        adapters: dict[str, Adapter] = {}
        for manifest in sorted(self._folder.glob(f"{model.model_id}/*/{_MANIFEST}")):
            adapter_id = manifest.parent.name
            try:
                adapter = _manifest.validate_json(manifest.read_bytes())
            except (OSError, ValidationError) as error:
                logger.warning("adapter_passed_over", adapter=adapter_id, error=str(error))
                continue
            if adapter.model_sha256 != model.sha256:
                logger.warning("adapter_passed_over", adapter=adapter_id, error="other weights")
                continue
            adapters[adapter_id] = adapter
        return adapters

    def _import(self, model: InstalledModel, source: Path, folder: Path) -> Adapter:
        name = _SAFETENSORS if model.kind == Model.IMAGE else _GGUF
        weights = folder / name
        digest = self._blobs.take(source, weights)
        try:
            check_adapter(weights, model)
        except AdapterInvalidError:
            weights.unlink()
            self._blobs.release(digest)
            raise
        adapter = Adapter(source.name, digest, Fingerprint.of(weights), model.sha256, name)
        write_whole(folder / _MANIFEST, _manifest.dump_json(adapter, indent=2))
        return adapter

    def _delete(self, folder: Path) -> None:
        """At once by name, so that no half of it is ever found."""
        if folder.exists():
            trash = Path(tempfile.mkdtemp(prefix=".deleted-", dir=self._folder))
            folder.rename(trash / "folder")
            shutil.rmtree(trash)


def _told(model: InstalledModel) -> str:
    """What tells a model from all that had its id before."""
    return f"{model.sha256} {model.create_time}"


def _not_copied(model: InstalledModel, source: Path, error: OSError) -> AdapterInvalidError:
    return AdapterInvalidError(
        f"{source.name} can't be copied into the store: {error.strerror}.",
        model=model.model_id,
        file=source.name,
    )
