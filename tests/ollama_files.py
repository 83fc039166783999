"""A model as Ollama's registry has it: layers by the paths that a plan gives them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import gguf

from funland.v1.models_pb2 import Model, Origin
from funland_server.downloads.plan import Plan, PlannedFile
from funland_server.models.installed.model import hub_slug

TEMPLATE: Final = """{{ range .Messages }}[{{ .Role }}] {{ .Content }}
{{ end }}[assistant]"""

LAYERS: Final[Mapping[str, bytes]] = {
    "template": TEMPLATE.encode(),
    "params": json.dumps(
        {"temperature": 0, "stop": ["\n"], "num_predict": 7, "num_ctx": 128, "mirostat": 1}
    ).encode(),
    "system": b"Be brief.",
    "messages": json.dumps(
        [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Yes?"}]
    ).encode(),
    "license": b"MIT",
    "config.json": json.dumps({"model_format": "gguf", "renderer": "other"}).encode(),
}


def without_template(source: Path, target: Path) -> bytes:
    """A GGUF file's bytes without its chat template; it is written to the target."""
    reader: Any = gguf.GGUFReader(str(source))
    writer: Any = gguf.GGUFWriter(target, reader.get_field("general.architecture").contents())
    for key, field in reader.fields.items():
        if key not in ("general.architecture", "tokenizer.chat_template") and "GGUF." not in key:
            writer.add_key_value(key, field.contents(), field.types[0], field.types[-1])
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target.read_bytes()


def plan_of(layers: Mapping[str, bytes], name: str = "tiny", tag: str = "6m") -> Plan:
    """The plan of a pull."""
    origin = Origin(hub=Origin.OLLAMA, model_id=name, revision="a" * 64, variant=tag)
    files = tuple(
        PlannedFile(path, len(content), hashlib.sha256(content).hexdigest(), "", ())
        for path, content in layers.items()
    )
    return Plan(origin, Model.GGUF, "", files, hub_slug(origin), "")
