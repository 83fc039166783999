"""ModelScope's API, as its own package speaks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.hubs.answers import Answer, file_answer, json_answer, redirect
from tests.hubs.places import Cdn, Place, Route
from tests.hubs.record import Asked
from tests.hubs.repository import Commit, File, Repository, Shelf, below, dated

_LISTED = 3000
_SORTS = {"last_modified": "modified", "default": ""}
_REQUEST_ID = "5f0c8b1e-0000-4000-8000-000000000000"


class ModelScope(Shelf):
    """The models of a ModelScope; `token` is whose bearer may see what is private."""

    def __init__(self, cdn: Cdn) -> None:
        super().__init__("master")
        self.url = ""
        self.place: Place = "hub"
        self.token: str | None = None
        self.linked_etag = False
        """Whether files have X-Linked-ETag."""
        self.most_listed = _LISTED
        """A list of files is cut off there, without a word, as the real one is."""
        self._cdn = cdn
        self.datasets = Shelf("master")
        """Beside the models."""

    @property
    def routes(self) -> list[Route]:
        """The paths that the package asks for."""
        model = "/api/v1/models/{owner}/{name}"
        dataset = "/api/v1/datasets/{owner}/{name}"
        return [
            *self._cdn.routes,
            ("GET", f"{dataset}/revisions", self._revisions),
            ("GET", f"{dataset}/repo/tree", self._tree),
            ("GET", f"{dataset}/repo", self._file),
            ("GET", "/api/v1/repos/internalAccelerationInfo", self._acceleration),
            ("GET", model, self._legacy_details),
            ("GET", f"{model}/revisions", self._revisions),
            ("GET", f"{model}/repo/files", self._files),
            ("GET", f"{model}/repo", self._file),
            ("GET", "/openapi/v1/models", self._search),
            ("GET", "/openapi/v1/models/{owner}/{name}", self._details),
        ]

    def _acceleration(self, asked: Asked, match: Mapping[str, str]) -> Answer:
        return _enveloped({"InternalRegionQueryAddress": ""})

    def _revisions(self, asked: Asked, match: Mapping[str, str]) -> Answer:
        found = self._repository(asked, match)
        if isinstance(found, Answer):
            return found
        names = {
            kind: [{"Revision": name, "CreatedAt": int(commit.made.timestamp())}
                   for name, commit in commits.items()]
            for kind, commits in (("Branches", found.branches), ("Tags", found.tags))
        }  # fmt: skip
        return _enveloped({"RevisionMap": names})

    def _files(self, asked: Asked, match: Mapping[str, str]) -> Answer:
        found = self._commit(asked, match)
        if isinstance(found, Answer):
            return found
        root = asked.query.get("Root", "").strip("/")
        recursive = asked.query.get("Recursive", "").lower() == "true"
        folders, files = below(found, root, recursive)
        entries = [_folder_entry(path) for path in folders]
        entries += [_entry(found, file) for file in files[: self.most_listed - len(entries)]]
        return _enveloped({"Files": entries[: self.most_listed]})

    def _tree(self, asked: Asked, match: Mapping[str, str]) -> Answer:
        """Of a dataset, whose list has pages."""
        found = self._commit(asked, match)
        if isinstance(found, Answer):
            return found
        root = asked.query.get("Root", "").strip("/")
        folders, files = below(found, root, asked.query.get("Recursive", "").lower() == "true")
        entries = [*map(_folder_entry, folders), *(_entry(found, file) for file in files)]
        size, number = (int(asked.query.get(key, "1")) for key in ("PageSize", "PageNumber"))
        return _enveloped({"Files": entries[(number - 1) * size : number * size]})

    def _file(self, asked: Asked, match: Mapping[str, str]) -> Answer:
        asked.path = asked.query.get("FilePath", "")
        found = self._commit(asked, match)
        if isinstance(found, Answer):
            return found
        file = found.files.get(asked.path)
        if file is None:
            return _refused(404, f"file {asked.path} not found")
        linked = {"X-Linked-ETag": file.content.sha256} if self.linked_etag else {}
        if self.place != "hub":
            origin = self._cdn.url if self.place == "cdn" else self.url
            return redirect(self._cdn.sign(file, origin, **linked))
        answer = file_answer(file.content, file.content.sha256, file.modified)
        return answer.with_headers(**linked)

    def _legacy_details(self, asked: Asked, match: Mapping[str, str]) -> Answer:
        found = self._repository(asked, match)
        if isinstance(found, Answer):
            return found
        owner, name = found.id.split("/")
        return _enveloped({
            "Path": owner, "Name": name, "Downloads": found.about.get("downloads"),
            "License": found.about.get("license"), "Revision": self.default_revision,
            "LastUpdatedTime": int(found.newest.made.timestamp()),
        })  # fmt: skip

    def _search(self, asked: Asked, match: Mapping[str, str]) -> Answer:
        query = asked.query
        page, size = int(query.get("page_number", 1)), int(query.get("page_size", 10))
        wanted = {value for key, value in query.items() if key.startswith("filter.")}
        found = self.search(
            query.get("search", ""), query.get("owner", ""), frozenset(wanted),
            _SORTS.get(query.get("sort", ""), query.get("sort", "")),
        )  # fmt: skip
        models = [_described(repository) for repository in found[(page - 1) * size : page * size]]
        return _open({
            "models": models, "total_count": len(found), "page_number": page, "page_size": size,
        })  # fmt: skip

    def _details(self, asked: Asked, match: Mapping[str, str]) -> Answer:
        found = self._repository(asked, match)
        if isinstance(found, Answer):
            error = {"code": "ResourceNotFound", "message": "model not found"}
            return json_answer({"success": False, "request_id": _REQUEST_ID, **error}, found.status)
        return _open(_described(found))

    def _repository(self, asked: Asked, match: Mapping[str, str]) -> Repository | Answer:
        name = f"{match['owner']}/{match['name']}"
        asks_for_data = asked.url.startswith("/api/v1/datasets/")
        found = (self.datasets if asks_for_data else self).repositories.get(name)
        if found is None or (found.private and not self._known(asked)):
            return _refused(404, f"model {name} not found")
        return found

    def _commit(self, asked: Asked, match: Mapping[str, str]) -> Commit | Answer:
        found = self._repository(asked, match)
        if isinstance(found, Answer):
            return found
        revision = asked.query.get("Revision", self.default_revision)
        return found.at(revision) or _refused(404, f"revision {revision} not found")

    def _known(self, asked: Asked) -> bool:
        return self.token is not None and (
            asked.headers.get("Authorization") == f"Bearer {self.token}"
            or f"m_session_id={self.token}" in asked.headers.get("Cookie", "")
        )


def _folder_entry(path: str) -> dict[str, Any]:
    return {"Path": path, "Name": path.rsplit("/", maxsplit=1)[-1], "Type": "tree", "Size": 0}


def _entry(commit: Commit, file: File) -> dict[str, Any]:
    return file.entry({
        "Path": file.path, "Name": file.path.split("/")[-1], "Type": "blob",
        "Size": file.content.length, "Sha256": file.content.sha256, "IsLFS": file.lfs,
        "Revision": commit.id, "CommitId": commit.id,
        "CommittedDate": int(commit.made.timestamp()),
    })  # fmt: skip


def _described(repository: Repository) -> dict[str, Any]:
    about, files = repository.about, repository.newest.files.values()
    return {
        "id": repository.id,
        "downloads": about.get("downloads", 0),
        "likes": about.get("likes", 0),
        "license": about.get("license"),
        "tags": list(about.get("tags", ())),
        "tasks": list(about.get("tasks", ())),
        "created_at": dated(next(iter(repository.commits.values())).made),
        "last_modified": dated(repository.newest.made),
        "private": repository.private,
        "file_size": sum(file.content.length for file in files),
    }


def _enveloped(data: Any) -> Answer:
    envelope = {"Code": 200, "Success": True, "Message": "success", "RequestId": _REQUEST_ID}
    return json_answer({**envelope, "Data": data})


def _open(data: Any) -> Answer:
    return json_answer({"success": True, "request_id": _REQUEST_ID, "data": data})


def _refused(status: int, message: str) -> Answer:
    error = {"Code": 10010205001, "Message": message, "RequestId": _REQUEST_ID, "Success": False}
    return json_answer(error, status)
