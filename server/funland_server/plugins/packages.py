"""Copies a plugin from a folder or out of a wheel. What is there is a stranger's, and nothing of it
is run."""

from __future__ import annotations

import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Final

from funland_server.plugins.manifest import FILE_NAME, ManifestError

_MOST_BYTES: Final = 64 * 1024**2
_MOST_FILES: Final = 4096
_DEEPEST: Final = 32
_PICKLES: Final = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib")
"""Who reads these runs them."""
_LEFT_OUT: Final = ("__pycache__", ".git", ".venv")
_ENCRYPTED: Final = 1
_BROKEN: Final = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError,
    ValueError,
)  # fmt: skip
"""What `zipfile` says of archives that are none."""
_PIECE: Final = 1024**2


def copy(source: Path, into: Path) -> Path:
    """Copies a plugin to a new folder and gives the place of its manifest there; raises
    ManifestError, or OSError if the disk is full."""
    if source.is_dir():
        if into.resolve().is_relative_to(source.resolve()):
            raise ManifestError("the server's home is in it.")
        _Copying(into).folder(source)
        manifest = into / FILE_NAME
    elif source.suffix == ".whl" and source.is_file():
        if not source.name.endswith("-none-any.whl"):
            raise ManifestError("it is a wheel for one kind of system: only pure ones are taken.")
        _Copying(into).wheel(source)
        manifest = _manifest(into)
    else:
        raise ManifestError("there is no such folder or wheel.")
    if not manifest.is_file():
        raise ManifestError(f"there is no {FILE_NAME} in it.")
    return manifest


def find_manifest(code_folder: Path) -> Path:
    """The manifest of one that is copied; raises ManifestError."""
    manifest = code_folder / FILE_NAME
    return manifest if manifest.is_file() else _manifest(code_folder)


def _manifest(folder: Path) -> Path:
    """At the top of a wheel, or in one of its packages."""
    found = [*folder.glob(FILE_NAME), *folder.glob(f"*/{FILE_NAME}")]
    if len(found) != 1:
        said = f"more than one {FILE_NAME}" if found else f"no {FILE_NAME}"
        raise ManifestError(f"there is {said} at its top or in its packages.")
    return found[0]


class _Copying:
    """One plugin's files, counted."""

    def __init__(self, into: Path) -> None:
        self._into = into
        self._bytes = 0
        self._files = 0

    def folder(self, source: Path) -> None:
        """Copies a folder without links."""
        for path, name in _walk(source, PurePosixPath()):
            target = self._target(name)
            with path.open("rb") as file:
                self._write(file, target)

    def wheel(self, source: Path) -> None:
        """Unpacks a wheel."""
        try:
            with zipfile.ZipFile(source) as archive:
                if len(archive.infolist()) > _MOST_FILES:
                    raise ManifestError(f"it has more than {_MOST_FILES} files.")
                for info in archive.infolist():
                    if info.is_dir():
                        continue
                    kind = stat.S_IFMT(info.external_attr >> 16)
                    if kind not in (0, stat.S_IFREG) or info.flag_bits & _ENCRYPTED:
                        raise ManifestError(f"{info.filename!r} is no plain file.")
                    with archive.open(info) as file:
                        self._write(file, self._target(_safe(info.filename)))
        except _BROKEN as error:
            raise ManifestError(f"it is no whole wheel: {error}.") from None

    def _target(self, name: PurePosixPath) -> Path:
        self._files += 1
        if self._files > _MOST_FILES:
            raise ManifestError(f"it has more than {_MOST_FILES} files.")
        if name.suffix.lower() in _PICKLES:
            raise ManifestError(f"{str(name)!r} is of a kind that runs when it is read.")
        target = self._into.joinpath(*name.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def _write(self, file: IO[bytes], target: Path) -> None:
        try:
            with target.open("xb") as copy:
                while piece := file.read(_PIECE):
                    self._bytes += len(piece)
                    if self._bytes > _MOST_BYTES:
                        raise ManifestError(f"it has more than {_MOST_BYTES} bytes.")
                    copy.write(piece)
        except FileExistsError:
            raise ManifestError(f"{target.name!r} is in it twice.") from None


def _safe(name: str) -> PurePosixPath:
    """A name of an archive that leads nowhere else; raises ManifestError."""
    path = PurePosixPath(name)
    wrong = path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name
    if wrong or not path.parts or len(path.parts) > _DEEPEST or not name.isprintable():
        raise ManifestError(f"{name!r} is no name of a file within it.")
    return path


def _walk(folder: Path, name: PurePosixPath) -> Iterator[tuple[Path, PurePosixPath]]:
    if len(name.parts) >= _DEEPEST:
        raise ManifestError(f"its folders are deeper than {_DEEPEST}.")
    for path in sorted(folder.iterdir()):
        if path.name in _LEFT_OUT:
            continue
        within = name / path.name
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            yield from _walk(path, within)
        elif stat.S_ISREG(mode):
            yield path, within
        else:
            raise ManifestError(f"{str(within)!r} is no plain file.")
