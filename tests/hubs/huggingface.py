"""HuggingFace's API, as its own package speaks it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode

from tests.hubs.answers import Answer, file_answer, json_answer, redirect, text_answer
from tests.hubs.places import Cdn, Place, Route
from tests.hubs.record import Asked
from tests.hubs.repository import Commit, File, Repository, Shelf, below, dated

_SORTS = {"lastModified": "modified", "trendingScore": "trending", "createdAt": "created"}


class HuggingFace(Shelf):
    """The models of a HuggingFace; `token` is whose bearer may see what is private or gated."""

    def __init__(self, cdn: Cdn) -> None:
        super().__init__("main")
        self.url = ""
        self.place: Place = "cdn"
        """Where large files come from; small ones come from the hub."""
        self.token: str | None = None
        self.list_page = 1000
        self.tree_page = 1000
        """The most of a page, also where more is asked for."""
        self._cdn = cdn
        self.datasets = Shelf("main")
        """Beside the models."""

    @property
    def routes(self) -> list[Route]:
        """The paths that the package asks for."""
        model = "/api/models/{owner}/{name}"
        dataset = "/api/datasets/{owner}/{name}"
        return [
            *self._cdn.routes,
            ("GET", dataset, self._details),
            ("GET", f"{dataset}/revision/{{revision:[^/]+}}", self._details),
            ("GET", f"{dataset}/tree/{{revision:[^/]+}}", self._tree),
            ("GET", f"{dataset}/tree/{{revision:[^/]+}}/{{path:.+}}", self._tree),
            ("GET", f"{dataset}/refs", self._refs),
            ("POST", f"{dataset}/paths-info/{{revision:[^/]+}}", self._paths),
            ("GET", "/datasets/{owner}/{name}/resolve/{revision:[^/]+}/{path:.+}", self._resolve),
            ("GET", "/api/agent-harnesses", self._harnesses),
            ("GET", "/api/models", self._list),
            ("GET", model, self._details),
            ("GET", f"{model}/revision/{{revision:[^/]+}}", self._details),
            ("GET", f"{model}/tree/{{revision:[^/]+}}", self._tree),
            ("GET", f"{model}/tree/{{revision:[^/]+}}/{{path:.+}}", self._tree),
            ("GET", f"{model}/refs", self._refs),
            ("POST", f"{model}/paths-info/{{revision:[^/]+}}", self._paths),
            ("GET", "/{owner}/{name}/resolve/{revision:[^/]+}/{path:.+}", self._resolve),
        ]

    def _harnesses(self, asked: Asked, match: Mapping[str, str]) -> Answer:
        return json_answer({"standardEnvVars": [], "harnesses": {}})

    def _list(self, asked: Asked, match: Mapping[str, str]) -> Answer:
        query = asked.query
        labels = query.getall("filter", []) + query.getall("pipeline_tag", [])
        sort = _SORTS.get(query.get("sort", ""), query.get("sort", ""))
        found = self.search(
            query.get("search", ""), query.get("author", ""), frozenset(labels), sort
        )
        start, stop = _page(asked, self.list_page)
        page = [
            {key: value for key, value in self._described(one, one.newest).items()
             if key != "siblings" or "full" in query}
            for one in found[start:stop]
        ]  # fmt: skip
        return self._paged(json_answer(page), asked, stop, len(found))

    def _details(self, asked: Asked, match: Mapping[str, str]) -> Answer:
        return self._with_commit(
            asked, match,
            lambda found, commit: json_answer(
                self._described(found, commit, blobs="blobs" in asked.query)
            ),
        )  # fmt: skip

    def _tree(self, asked: Asked, match: Mapping[str, str]) -> Answer:
        def listed(found: Repository, commit: Commit) -> Answer:
            root, recursive = match.get("path", ""), asked.query.get("recursive", "")
            folders, files = below(commit, root, recursive.lower() == "true")
            every = [*folders, *files]
            if root and not every:
                return _not_there("EntryNotFound", f"{root} does not exist")
            start, stop = _page(asked, self.tree_page)
            page = [_tree_entry(one, commit) for one in every[start:stop]]
            return self._paged(json_answer(page), asked, stop, len(every))

        return self._with_commit(asked, match, listed)

    def _paths(self, asked: Asked, match: Mapping[str, str]) -> Answer:
        def listed(found: Repository, commit: Commit) -> Answer:
            if asked.headers.get("Content-Type", "").startswith("application/json"):
                paths = json.loads(asked.body)["paths"]
            else:
                paths = parse_qs(asked.body.decode())["paths"]
            listed_files = [commit.files[path] for path in paths if path in commit.files]
            return json_answer([_tree_entry(file, commit) for file in listed_files])

        return self._with_commit(asked, match, listed)

    def _refs(self, asked: Asked, match: Mapping[str, str]) -> Answer:
        def listed(found: Repository, commit: Commit) -> Answer:
            return json_answer({
                kind: [{"name": name, "ref": f"refs/{ref}/{name}", "targetCommit": commit.id}
                       for name, commit in commits.items()]
                for kind, ref, commits in (
                    ("branches", "heads", found.branches), ("tags", "tags", found.tags),
                    ("converts", "convert", dict[str, Commit]()),
                )
            })  # fmt: skip

        return self._with_commit(asked, match, listed)

    def _resolve(self, asked: Asked, match: Mapping[str, str]) -> Answer:
        asked.path = match["path"]

        def served(found: Repository, commit: Commit) -> Answer:
            file = commit.files.get(match["path"])
            named = {"X-Repo-Commit": commit.id}
            if file is None:
                answer = _not_there("EntryNotFound", f"{match['path']} is not in {commit.id}")
                return answer.with_headers(**named)
            if not file.lfs:
                answer = file_answer(file.content, file.git_oid, file.modified)
                return answer.with_headers(**named)
            digest = f'"{file.content.sha256}"'
            named |= {"X-Linked-Etag": digest, "X-Linked-Size": str(file.content.length)}
            if self.place == "hub":
                answer = file_answer(file.content, file.content.sha256, file.modified)
                return answer.with_headers(**named)
            named |= {"ETag": digest}
            if self.place == "same origin":
                answer = redirect(self._cdn.sign(file, self.url, **named))
            else:
                answer = redirect(self._cdn.sign(file, self._cdn.url))
            return answer.with_headers(**named)

        return self._with_commit(asked, match, served)

    def _with_commit(
        self,
        asked: Asked,
        match: Mapping[str, str],
        answer: Callable[[Repository, Commit], Answer],
    ) -> Answer:
        name = f"{match['owner']}/{match['name']}"
        if name in self.renamed:
            return redirect(asked.url.replace(name, self.renamed[name], 1), 307)
        asks_for_data = asked.url.startswith(("/datasets/", "/api/datasets/"))
        found = (self.datasets if asks_for_data else self).repositories.get(name)
        known = self.token is not None and (
            asked.headers.get("Authorization") == f"Bearer {self.token}"
        )
        if found is None or (found.private and not known):
            # The real one tells those who bring no token neither of the two.
            status = 404 if asked.headers.get("Authorization") else 401
            return _not_there("RepoNotFound", "Repository not found", status)
        if found.about.get("gated") and not known and "/resolve/" in asked.url:
            return _not_there("GatedRepo", f"Access to model {name} is restricted.", 403)
        revision = match.get("revision", self.default_revision)
        commit = found.at(revision)
        if commit is None:
            return _not_there("RevisionNotFound", f"Invalid rev id: {revision}")
        return answer(found, commit)

    def _paged(self, answer: Answer, asked: Asked, stop: int, total: int) -> Answer:
        if stop >= total:
            return answer
        rest = [(key, value) for key, value in asked.query.items() if key != "cursor"]
        path = asked.url.partition("?")[0]
        more = f"{self.url}{path}?{urlencode([*rest, ('cursor', str(stop))])}"
        return answer.with_headers(Link=f'<{more}>; rel="next"')

    def _described(
        self, found: Repository, commit: Commit, *, blobs: bool = False
    ) -> dict[str, Any]:
        about = found.about
        told = {
            "_id": commit.id[:24], "id": found.id, "modelId": found.id, "sha": commit.id,
            "author": found.id.split("/")[0], "private": found.private,
            "gated": about.get("gated", False), "disabled": False,
            "downloads": about.get("downloads", 0), "likes": about.get("likes", 0),
            "trendingScore": about.get("trending", 0), "tags": list(about.get("tags", ())),
            "pipeline_tag": about.get("task"), "library_name": about.get("library"),
            "createdAt": dated(next(iter(found.commits.values())).made),
            "lastModified": dated(found.newest.made), "usedStorage": 0,
            "siblings": [_sibling(file, blobs) for file in commit.files.values()],
        }  # fmt: skip
        for key, name in (("cardData", "card"), ("gguf", "gguf"), ("config", "config")):
            if name in about:
                told[key] = about[name]
        return told


def _page(asked: Asked, most: int) -> tuple[int, int]:
    start = int(asked.query.get("cursor", "0"))
    return start, start + min(int(asked.query.get("limit", most)), most)


def _sibling(file: File, blobs: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"rfilename": file.path}
    if blobs:
        told |= {"size": file.content.length, "blobId": file.git_oid}
        if file.lfs:
            told["lfs"] = {
                "sha256": file.content.sha256, "size": file.content.length,
                "pointerSize": file.pointer.length,
            }  # fmt: skip
    return told


def _tree_entry(file: File | str, commit: Commit) -> dict[str, Any]:
    if isinstance(file, str):
        return {"type": "directory", "path": file, "oid": commit.id, "size": 0}
    told: dict[str, Any] = {
        "type": "file", "path": file.path, "oid": file.git_oid, "size": file.content.length,
    }  # fmt: skip
    if file.lfs:
        told["lfs"] = {
            "oid": file.content.sha256, "size": file.content.length,
            "pointerSize": file.pointer.length,
        }  # fmt: skip
    return file.entry(told)


def _not_there(code: str, message: str, status: int = 404) -> Answer:
    answer = text_answer(message, status) if status == 401 else json_answer(
        {"error": message}, status
    )  # fmt: skip
    return answer.with_headers(X_Error_Code=code, X_Error_Message=message)
