"""Ollama's registry: manifests, and blobs by their digests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from tests.hubs import content
from tests.hubs.answers import Answer, file_answer, json_answer, redirect
from tests.hubs.content import Content
from tests.hubs.places import Cdn, Place, Route
from tests.hubs.record import Asked
from tests.hubs.repository import File

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.ollama.image."
_MADE = datetime(2026, 1, 1, tzinfo=UTC)

Given = Content | bytes | str | Path | Mapping[str, Any]
Layers = Mapping[str, Given | list[Given]]


@dataclass(slots=True)
class _Model:
    manifests: dict[str, Content] = field(default_factory=dict[str, Content])
    blobs: dict[str, File] = field(default_factory=dict[str, File])


class Ollama:
    """The models of a registry; where `token` is set, it is had at the realm of a challenge."""

    def __init__(self, cdn: Cdn) -> None:
        self.url = ""
        self.place: Place = "cdn"
        """The real one redirects; its own client takes no blob from the `hub` itself."""
        self.token: str | None = None
        self._cdn = cdn
        self._models: dict[str, _Model] = {}

    @property
    def host(self) -> str:
        """Host and port, as they stand in a model's name."""
        return urlsplit(self.url).netloc

    @property
    def routes(self) -> list[Route]:
        """The registry's paths."""
        model = "/v2/{namespace}/{name}"
        return [
            *self._cdn.routes,
            ("GET", "/v2/token", self._give_token),
            ("GET", f"{model}/manifests/{{reference:.+}}", self._manifest),
            ("GET", f"{model}/blobs/{{digest:.+}}", self._blob),
        ]

    def add(
        self, name: str, layers: Layers, *, tag: str = "latest", config: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Puts a model there and gives its manifest.

        A layer's key is the last part of its type: model, template, params, system, license,
        projector, adapter, messages; a list is several of them; a mapping is sent as JSON.
        """
        described = {"model_format": "gguf", "os": "linux", "architecture": "amd64", **config}
        several = [
            (kind, one)
            for kind, given in layers.items()
            for one in (given if isinstance(given, list) else [given])
        ]
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": self._put(name, _CONFIG, described),
            "layers": [self._put(name, _LAYER + kind, given) for kind, given in several],
        }
        self.add_manifest(name, manifest, tag=tag)
        return manifest

    def add_manifest(self, name: str, manifest: Given, *, tag: str = "latest") -> None:
        """Puts any manifest there, also one that no client may believe."""
        model = self._models.setdefault(name, _Model())
        model.manifests[tag] = _content(manifest)

    def add_blob(self, name: str, given: Given, *, digest: str | None = None) -> str:
        """Puts a blob there and gives its digest; a `digest` that is told need not be its own."""
        body = _content(given)
        digest = digest or f"sha256:{body.sha256}"
        self._models.setdefault(name, _Model()).blobs[digest] = File(digest, body, _MADE)
        return digest

    def _put(self, name: str, media_type: str, given: Given) -> dict[str, Any]:
        body = _content(given)
        return {
            "mediaType": media_type,
            "digest": self.add_blob(name, body),
            "size": body.length,
        }

    def _give_token(self, asked: Asked, match: Mapping[str, str]) -> Answer:
        return json_answer({"token": self.token})

    def _manifest(self, asked: Asked, match: Mapping[str, str]) -> Answer:
        asked.path = match["reference"]
        found = self._model(asked, match)
        if isinstance(found, Answer):
            return found
        manifest = found.manifests.get(match["reference"])
        if manifest is None:
            return _refused(404, "MANIFEST_UNKNOWN", "manifest unknown")
        return Answer(content=manifest).with_headers(Content_Type=_MANIFEST)

    def _blob(self, asked: Asked, match: Mapping[str, str]) -> Answer:
        asked.path = match["digest"]
        found = self._model(asked, match)
        if isinstance(found, Answer):
            return found
        file = found.blobs.get(match["digest"])
        if file is None:
            return _refused(404, "BLOB_UNKNOWN", "blob unknown to registry")
        if self.place == "hub" or asked.method == "HEAD":
            return file_answer(file.content, file.path, file.modified)
        origin = self._cdn.url if self.place == "cdn" else self.url
        return redirect(self._cdn.sign(file, origin), 307)

    def _model(self, asked: Asked, match: Mapping[str, str]) -> _Model | Answer:
        name = f"{match['namespace']}/{match['name']}"
        if self.token is not None and asked.headers.get("Authorization") != f"Bearer {self.token}":
            scope = f"repository:{name}:pull"
            return _refused(401, "UNAUTHORIZED", "authentication required").with_headers(
                WWW_Authenticate=f'Bearer realm="{self.url}/v2/token",service="{self.host}",'
                f'scope="{scope}"'
            )
        found = self._models.get(name)
        return found or _refused(404, "NAME_UNKNOWN", "repository name not known to registry")


def _content(given: Given) -> Content:
    return content.of(orjson.dumps(given) if isinstance(given, Mapping) else given)


def _refused(status: int, code: str, message: str) -> Answer:
    return json_answer({"errors": [{"code": code, "message": message}]}, status)
