"""Reads the manifests and configurations of Ollama's registry: pure functions, for answers that
may be anything."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from funland_server.hub.clients import reading
from funland_server.hub.clients.protocol import ListedFile

_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")
_LAYER: Final = "application/vnd.ollama.image."
_PATHS: Final = {
    "model": "model.gguf",
    "template": "template",
    "params": "params",
    "system": "system",
    "messages": "messages",
    "license": "license",
    "projector": "projector.gguf",
    "adapter": "adapter.gguf",
}
"""By the last part of a layer's type: what the file is called here. Others are passed over:
`prompt` and `embed` mean nothing to Ollama either, `draft` guesses for another engine."""
CONFIG: Final = "config.json"
_MOST_LAYERS: Final = 256
_COUNT: Final = re.compile(r"(\d{1,6}(?:\.\d{1,4})?)\s*([KMBT]?)", re.IGNORECASE)
_SCALES: Final = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


class ManifestError(ValueError):
    """A manifest breaks the rules; the text says how."""


class ElsewhereError(ValueError):
    """A model can't run here; the text says why."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a tag stands for."""

    files: tuple[ListedFile, ...]
    """The layers that Funland reads, and the configuration, by the names that they get here."""
    config: ListedFile


def manifest_of(told: Any) -> Manifest:
    """A manifest.

    Raises:
        ManifestError: It breaks the rules of the registry's protocol.
        ElsewhereError: It is a model of single tensors.
    """
    manifest = reading.mapping(told)
    layers = list(reading.mappings(manifest.get("layers")))
    if any(layer.get("mediaType") == f"{_LAYER}tensor" for layer in layers):
        raise ElsewhereError("its weights are single tensors for MLX, which runs on Macs alone")
    if not 0 < len(layers) <= _MOST_LAYERS:
        raise ManifestError(f"it has not 1 to {_MOST_LAYERS} layers")
    config = _file(reading.mapping(manifest.get("config")), CONFIG)
    files: dict[str, ListedFile] = {}
    for layer in layers:
        kind = reading.text(layer.get("mediaType")).removeprefix(_LAYER)
        if kind not in _PATHS:
            continue
        path = _PATHS[kind]
        if kind != "model":  # of which the last counts
            path = _free(path, files)
        files[path] = _file(layer, path)
    if _PATHS["model"] not in files:
        raise ManifestError("it has no weights")
    return Manifest((*files.values(), config), config)


def is_digest(text: str) -> bool:
    """Whether it is `sha256:` and 64 hexadecimal digits in lower case."""
    return _DIGEST.fullmatch(text) is not None


def _free(path: str, taken: dict[str, ListedFile]) -> str:
    """`license`, `license-2`, `projector-2.gguf`: a name that no other layer has."""
    stem, dot, suffix = path.partition(".")
    number = 1
    while path in taken:
        number += 1
        path = f"{stem}-{number}{dot}{suffix}"
    return path


def _file(layer: reading.Object, path: str) -> ListedFile:
    told = layer.get("digest")
    digest = _DIGEST.fullmatch(told) if isinstance(told, str) else None
    size = reading.number(layer.get("size"))
    if digest is None:
        raise ManifestError(f"the digest of {path} is no sha256 of 64 hexadecimal digits")
    if size is None:
        raise ManifestError(f"the size of {path} is no number of bytes")
    return ListedFile(path, size, digest[1], "")


@dataclass(frozen=True, slots=True)
class Config:
    """What a configuration tells. What it does not is empty or None."""

    architecture: str
    quantization: str
    parameters: int | None
    context_length: int | None
    capabilities: tuple[str, ...]


def config_of(told: Any) -> Config:
    """A configuration; raises ElsewhereError for a model that only Ollama's own service runs."""
    config = reading.mapping(told)
    if reading.text(config.get("remote_host")) or reading.text(config.get("remote_model")):
        raise ElsewhereError("it runs in Ollama's cloud alone; there is nothing to download")
    if reading.text(config.get("model_format")).lower() not in ("", "gguf"):
        raise ElsewhereError(
            f"its weights are {reading.text(config.get('model_format'), 32)}, not GGUF"
        )
    return Config(
        reading.text(config.get("model_family"), 64),
        reading.text(config.get("file_type"), 32).upper().replace("UNKNOWN", ""),
        _count(reading.text(config.get("model_type"), 32)),
        reading.number(config.get("context_length"), 2**31 - 1) or None,
        tuple(reading.texts(config.get("capabilities"), 16)),
    )


def _count(told: str) -> int | None:
    """`494.03M`, as Ollama writes how many weights there are."""
    found = _COUNT.fullmatch(told)
    return round(float(found[1]) * _SCALES[found[2].upper()]) if found else None


_CHALLENGE: Final = re.compile(r'(realm|service|scope)="([^"]{1,1024})"')


def challenge_of(header: str) -> dict[str, str]:
    """Realm, service and scope of a `WWW-Authenticate: Bearer` header; empty for another."""
    if not header.startswith("Bearer "):
        return {}
    return dict(_CHALLENGE.findall(header[:4096]))
