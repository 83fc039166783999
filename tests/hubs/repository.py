"""What lies in the fake hub: repositories, their revisions and their files."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import EllipsisType
from typing import Any

from tests.hubs import content
from tests.hubs.content import Content

LEFT_OUT = ...
"""In `listed`: the hub does not tell this key."""

Files = Mapping[str, Content | bytes | str | Path]
Listed = Mapping[str, Mapping[str, Any | EllipsisType]]

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_LFS_SUFFIXES = (".gguf", ".safetensors", ".bin", ".pt", ".onnx", ".model", ".xml")
_LFS_SIZE = 10 << 20


@dataclass(frozen=True, slots=True)
class File:
    """A file of one commit."""

    path: str
    content: Content
    modified: datetime
    listed: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Keys of its entry in the hub's lists that are not what they should be."""

    @property
    def lfs(self) -> bool:
        """Whether git keeps a pointer to it."""
        return self.path.endswith(_LFS_SUFFIXES) or self.content.length > _LFS_SIZE

    @property
    def pointer(self) -> Content:
        """What git keeps of a large file."""
        text = f"oid sha256:{self.content.sha256}\nsize {self.content.length}\n"
        return content.of("version https://git-lfs.github.com/spec/v1\n" + text)

    @property
    def git_oid(self) -> str:
        """The blob's name in git."""
        return self.pointer.git_sha1 if self.lfs else self.content.git_sha1

    def entry(self, told: dict[str, Any]) -> dict[str, Any]:
        """Its entry in a list: what is true, but for what the test has put there."""
        merged = {**told, **self.listed}
        return {key: value for key, value in merged.items() if value is not LEFT_OUT}


@dataclass(frozen=True, slots=True, eq=False)
class Commit:
    """The files of a repository at one time."""

    id: str
    made: datetime
    files: Mapping[str, File]


@functools.lru_cache(maxsize=16)
def below(commit: Commit, root: str, recursive: bool) -> tuple[list[str], list[File]]:
    """The folders and the files in a folder, or in the top one if it is empty.

    Kept, for a long list is asked for in many pages.
    """
    prefix = f"{root}/" if root else ""
    folders: dict[str, None] = {}
    files: list[File] = []
    for path, file in commit.files.items():
        if not path.startswith(prefix):
            continue
        parts = path[len(prefix) :].split("/")
        for depth in range(1, len(parts) if recursive else min(2, len(parts))):
            folders[prefix + "/".join(parts[:depth])] = None
        if recursive or len(parts) == 1:
            files.append(file)
    return list(folders), files


@dataclass(slots=True)
class Repository:
    """A model with its history."""

    id: str
    about: dict[str, Any]
    """What the hub tells of it: downloads, likes, license, tags, tasks; task, library, trending,
    card, gguf, config and gated on a HuggingFace."""
    private: bool = False
    branches: dict[str, Commit] = field(default_factory=dict[str, Commit])
    tags: dict[str, Commit] = field(default_factory=dict[str, Commit])
    commits: dict[str, Commit] = field(default_factory=dict[str, Commit])

    def at(self, revision: str) -> Commit | None:
        """The commit of a branch, a tag or a commit's id."""
        return self.branches.get(revision) or self.tags.get(revision) or self.commits.get(revision)

    @property
    def labels(self) -> frozenset[str]:
        """All that it can be filtered by."""
        one = (self.about.get(key) for key in ("license", "library", "task"))
        several = (*self.about.get("tags", ()), *self.about.get("tasks", ()))
        return frozenset(label for label in (*one, *several) if label)

    @property
    def newest(self) -> Commit:
        """The last commit made."""
        return list(self.commits.values())[-1]

    def commit(self, revision: str, files: Files, listed: Listed, tag: str | None) -> Commit:
        """Puts files, which are all that it then has, on a branch."""
        made = _EPOCH + timedelta(minutes=len(self.commits))
        name = f"{self.id} {revision} {len(self.commits)} {sorted(files)}"
        new = Commit(
            hashlib.sha1(name.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest(),
            made,
            {
                path: File(path, content.of(given), made, listed.get(path, {}))
                for path, given in files.items()
            },
        )
        self.commits[new.id] = self.branches[revision] = new
        if tag is not None:
            self.tags[tag] = new
        return new


class Shelf:
    """The repositories of one hub, in the order in which they came."""

    def __init__(self, default_revision: str) -> None:
        self.default_revision = default_revision
        self.repositories: dict[str, Repository] = {}
        self.renamed: dict[str, str] = {}

    def add(
        self,
        repository_id: str,
        files: Files,
        *,
        revision: str | None = None,
        tag: str | None = None,
        listed: Listed | None = None,
        private: bool = False,
        **about: Any,
    ) -> Commit:
        """Makes a commit with these files, in a new repository or one that is there.

        `listed` has, for a path, keys of its entry in lists that shall be told otherwise, or be
        LEFT_OUT. `about` is what the hub tells of the repository: downloads=5, license="mit".
        """
        found = self.repositories.setdefault(repository_id, Repository(repository_id, {}))
        found.about |= about
        found.private = private
        return found.commit(revision or self.default_revision, files, listed or {}, tag)

    def rename(self, old: str, new: str) -> None:
        """Gives a repository another name; hubs redirect from the old one."""
        found = self.repositories.pop(old)
        found.id = new
        self.repositories[new] = found
        self.renamed[old] = new

    def search(
        self, text: str = "", owner: str = "", labels: frozenset[str] = frozenset(), sort: str = ""
    ) -> list[Repository]:
        """Those whose id has all words and that have all labels; the most first where sorted.

        `sort` is `created`, `modified`, or a key of what the hub tells of them.
        """
        found = [
            repository
            for repository in self.repositories.values()
            if all(word in repository.id.lower() for word in text.lower().split())
            and owner in ("", repository.id.split("/")[0])
            and labels <= repository.labels
            and not repository.private
        ]
        if sort == "modified":
            found.sort(key=lambda repository: repository.newest.made, reverse=True)
        elif sort == "created":
            found.reverse()
        elif sort:
            found.sort(key=lambda repository: repository.about.get(sort) or 0, reverse=True)
        return found


def dated(time: datetime) -> str:
    """A time as hubs write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z")
