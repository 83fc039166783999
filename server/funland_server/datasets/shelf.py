"""The rows of datasets on the disk: links to blobs, in a folder for each dataset."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Final

from funland_server.blobs.store import Blobs
from funland_server.durable import sync

_ENDING: Final = ".jsonl"
_WORK: Final = "work"


class Shelf:
    """A folder of them. All methods block, and raise OSError."""

    def __init__(self, folder: Path, blobs: Blobs) -> None:
        """`folder` is made when it is first needed, on the file system of the blobs."""
        self._folder = folder
        self._blobs = blobs

    def rows(self, dataset_id: str, sha256: str) -> Path:
        """Where the rows of a version lie."""
        return self._folder / dataset_id / f"{sha256}{_ENDING}"

    def work(self, dataset_id: str) -> Path:
        """A folder for what is being read of a dataset, which is made."""
        folder = self._folder / dataset_id / _WORK
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def place(self, new: Path, dataset_id: str, sha256: str) -> None:
        """Makes a file the rows of a version: it is on the disk on return."""
        target = self.rows(dataset_id, sha256)
        if target.exists():
            new.unlink()
            return
        self._blobs.adopt(new, sha256, target)
        sync(target.parent)

    def link(self, dataset_id: str, sha256: str, target: Path) -> None:
        """Gives the rows of a version another name, by which they stay though the dataset goes.
        Raises FileNotFoundError if they are gone."""
        if not self.rows(dataset_id, sha256).exists():
            raise FileNotFoundError(target)
        self._blobs.link(sha256, target)

    def clear(self, dataset_id: str) -> None:
        """Removes what was needed to read a dataset."""
        self._drop(self._folder / dataset_id / _WORK)

    def remove(self, dataset_id: str) -> None:
        """Removes all of a dataset; it is no error if there is nothing."""
        folder = self._folder / dataset_id
        if not folder.is_dir():
            return
        self._drop(folder / _WORK)
        for path in folder.glob(f"*{_ENDING}"):
            self._remove_rows(path)
        shutil.rmtree(folder, ignore_errors=True)

    def sweep(self, known: Collection[tuple[str, str]], unread: Collection[str]) -> None:
        """Removes what belongs to none of the versions that are known, by dataset and SHA-256, or
        of the datasets that are to be read."""
        if not self._folder.is_dir():
            return
        ids = {dataset_id for dataset_id, _ in known} | set(unread)
        for folder in list(self._folder.iterdir()):
            if folder.name not in ids:
                self.remove(folder.name)
                continue
            if folder.name not in unread:
                self._drop(folder / _WORK)
            for path in list(folder.glob(f"*{_ENDING}")):
                if (folder.name, path.name.removesuffix(_ENDING)) not in known:
                    self._remove_rows(path)

    def _remove_rows(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._blobs.release(path.name.removesuffix(_ENDING))

    def _drop(self, folder: Path) -> None:
        """What was fetched is named by its SHA-256, so that its blob can go with it."""
        if not folder.is_dir():
            return
        fetched = [path.name for path in folder.glob("fetched/*") if path.is_file()]
        shutil.rmtree(folder, ignore_errors=True)
        for name in fetched:
            self._blobs.release(name.partition("-")[2])
