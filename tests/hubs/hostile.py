"""What a hub may tell that nobody may believe."""

from __future__ import annotations

import json

from tests.hubs import content
from tests.hubs.content import Content

NAMES = (
    "../outside.gguf",
    "a/../../outside.gguf",
    "..\\outside.gguf",
    "a\\..\\..\\outside.gguf",
    "/etc/outside.gguf",
    "//host/share/outside.gguf",
    "C:\\outside.gguf",
    "C:outside.gguf",
    "a\0b.gguf",
    "a\nb.gguf",
    "..",
    ".",
    "",
    "a//b.gguf",
    "a/./b.gguf",
    "a/",
    "con",
    "NUL.gguf",
    "a/COM1.gguf",
    "%2e%2e/outside.gguf",
    "..%5coutside.gguf",
    "a.gguf:stream",
    "file:///etc/passwd",
    "x" * 300 + ".gguf",
    "/".join(["deep"] * 1500) + ".gguf",
)
"""Paths that no file may get."""

DIGESTS = (
    "",
    "sha256:",
    "sha256:../../../../outside",
    "sha256:" + "0" * 63,
    "sha256:" + "0" * 65,
    "sha256:" + "0" * 64 + "\n",
    "sha256:" + "A" * 64,
    "sha256:" + "g" * 64,
    "sha256-" + "0" * 64,
    "sha512:" + "0" * 128,
    "SHA256:" + "0" * 64,
    "0" * 64,
    "sha256:" + "\uff10" * 64,
)
"""Texts that are no `sha256:` and 64 digits of a lower-case hexadecimal number."""

UNWANTED = (
    "pytorch_model.bin", "model.pt", "model.pth", "model.pkl", "model.pickle", "model.ckpt",
    "modeling.py", "a/run.sh", "tokenizer.so",
)  # fmt: skip
"""Files that can hold code, in repositories that also have weights."""


def many_files(count: int = 100_000) -> dict[str, Content]:
    """A listing too long to be a model's: empty files in a hundred folders."""
    empty = content.of(b"")
    return {f"folder-{number % 100:02}/file-{number:06}.json": empty for number in range(count)}


def endless_manifest() -> Content:
    """An Ollama manifest whose layers do not end."""
    layer = {
        "mediaType": "application/vnd.ollama.image.license",
        "digest": "sha256:" + "0" * 64,
        "size": 1,
    }
    return content.endless(b'{"schemaVersion":2,"layers":[', json.dumps(layer).encode() + b",")


def endless_listing() -> Content:
    """A ModelScope list of files that does not end."""
    entry = json.dumps({"Path": "a.json", "Type": "blob", "Size": 1}).encode() + b","
    return content.endless(b'{"Code":200,"Success":true,"Data":{"Files":[', entry)


def endless_tree() -> Content:
    """A HuggingFace list of files that does not end."""
    entry = json.dumps({"type": "file", "path": "a.json", "oid": "0" * 40, "size": 1}).encode()
    return content.endless(b"[", entry + b",")


def endless_text() -> Content:
    """One string of JSON that does not end."""
    return content.endless(b'{"error":"', b"x" * 1024)


def deep_json(depth: int = 100_000) -> Content:
    """Lists in lists."""
    return content.of(b"[" * depth + b"]" * depth)


def shard_index(name: str) -> str:
    """A safetensors index that names a file."""
    return json.dumps({"metadata": {"total_size": 1}, "weight_map": {"model.weight": name}})
