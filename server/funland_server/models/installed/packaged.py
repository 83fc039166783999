"""Models that lie in the packages of others, which `pip` installs and checks."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, PackagePath, distribution
from pathlib import Path

from funland_server.models.formats.header import ModelHeader
from funland_server.models.installed.model import (
    Fingerprint,
    InstalledModel,
    sha256,
    sha256_of_files,
)


@dataclass(frozen=True, slots=True)
class Packaged:
    """A model in a package."""

    model_id: str
    package: str
    """The name that `pip` knows it by."""
    folder: str
    """Where the model's files lie, below the folder that packages are in."""
    mark: str
    """A file without which it is none."""
    header: Callable[[], ModelHeader]


def packaged_model(row: Packaged) -> InstalledModel | None:
    """The model; None if its package is not installed, or is not whole."""
    try:
        package = distribution(row.package)
    except PackageNotFoundError:
        return None
    path = Path(str(package.locate_file(row.folder)))
    if not (path / row.mark).is_file():
        return None
    return InstalledModel(
        model_id=row.model_id,
        aliases=(),
        source="built-in",
        path=path,
        sha256=_recorded(package, row.folder, path) or sha256(path),
        fingerprint=Fingerprint.of(path),
        header=row.header(),
        create_time=None,
    )


def _recorded(package: Distribution, folder: str, path: Path) -> str:
    """What `model.sha256` would be, of the hashes that the package's record has, so that a start
    does not read so many bytes; empty if it has not those of all files that are there."""
    files: dict[str, tuple[int, str]] = {}
    for file in package.files or ():
        if file.parent.as_posix() == folder and file.hash is not None and file.size is not None:
            files[file.name] = (file.size, _hexadecimal(file))
    if files.keys() != {file.name for file in path.iterdir()}:
        return ""
    return sha256_of_files(files)


def _hexadecimal(file: PackagePath) -> str:
    assert file.hash is not None  # noqa: S101 - see `_recorded`
    value = file.hash.value
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).hex()
