"""Models for the fake hub that an engine really loads: the embedded one, as hubs would have it."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from tests.hubs import content
from tests.hubs.content import Content
from tests.split_files import split

TINY = Path(str(resources.files("funland_server.models") / "embedded" / "funland-tiny.gguf"))

TEMPLATE = (
    "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}"
    "<|im_start|>assistant\n"
)
PARAMETERS = {"stop": ["<|im_end|>"], "temperature": 0.7, "num_ctx": 512}


def gguf_files(name: str = "funland-tiny.gguf") -> dict[str, Content | str]:
    """A repository of one GGUF file."""
    card = "---\nlicense: apache-2.0\npipeline_tag: text-generation\ntags:\n- gguf\n---\n# Tiny\n"
    return {"README.md": card, name: content.on_disk(TINY)}


def split_gguf_files(folder: Path, parts: int = 3) -> dict[str, Content]:
    """A repository of one model in several GGUF files, which are made in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return {path.name: content.on_disk(path) for path in split(TINY, folder, "tiny", parts)}


def ollama_layers() -> dict[str, Any]:
    """An Ollama model with all that a text model commonly has beside its weights."""
    return {
        "model": content.on_disk(TINY),
        "template": TEMPLATE,
        "params": PARAMETERS,
        "system": "Answer shortly.",
        "license": ["Apache License\nVersion 2.0", "And a second one."],
    }


def ollama_config(**more: Any) -> dict[str, Any]:
    """Its config; a model without a template names its `renderer` and `parser` here."""
    return {
        "model_family": "llama",
        "model_families": ["llama"],
        "model_type": "6.7M",
        "file_type": "F16",
        **more,
    }
