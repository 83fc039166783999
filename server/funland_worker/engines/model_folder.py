"""What the files of a model's folder say beside its weights: tokens, chat template, length."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import orjson

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.loaded import ModelFacts
from funland_worker.engines.protocol import EngineError
from funland_worker.engines.tokenizer_json import JsonVocabulary

TOKENIZER = "tokenizer.json"


def folder_facts(folder: Path) -> ModelFacts:
    """The facts of a folder with `tokenizer.json`, and with `config.json`,
    `generation_config.json`, `tokenizer_config.json` and `chat_template.jinja` as far as they are
    there.

    Raises:
        EngineError: MODEL_LOAD_FAILED.
    """
    config = read_json(folder / "config.json")
    generation = read_json(folder / "generation_config.json")
    tokenizer = read_json(folder / "tokenizer_config.json")
    ends = [*_ids(config.get("eos_token_id")), *_ids(generation.get("eos_token_id"))]
    size = config.get("vocab_size")
    vocabulary = JsonVocabulary(folder / TOKENIZER, size if isinstance(size, int) else 0, ends)
    begin_mark = _mark(tokenizer.get("bos_token"))
    begin = vocabulary.token(begin_mark) if begin_mark else None
    first = vocabulary.tokenize("", add_special=True, parse_special=False)[:1]
    length = config.get("max_position_embeddings")
    return ModelFacts(
        vocabulary=vocabulary,
        trained_context=length if isinstance(length, int) else 0,
        chat_template=_chat_template(folder, tokenizer.get("chat_template")),
        begin_mark=begin_mark,
        end_mark=_mark(tokenizer.get("eos_token")),
        adds_begin_mark=begin is not None and first == [begin],
    )


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file, empty if there is no file.

    Raises:
        EngineError: MODEL_LOAD_FAILED if it is not JSON.
    """
    try:
        content = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except orjson.JSONDecodeError as error:
        raise EngineError(
            ErrorReason.MODEL_LOAD_FAILED, f"The model's {path.name} is not JSON."
        ) from error
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {}


def _chat_template(folder: Path, configured: Any) -> str | None:
    """The template, in a file of its own or in the tokenizer's configuration; of several that have
    names, the default."""
    file = folder / "chat_template.jinja"
    if file.exists():
        return file.read_text(errors="replace")
    if isinstance(configured, list):
        several = cast("list[dict[str, Any]]", configured)
        named: dict[Any, Any] = {one.get("name"): one.get("template") for one in several}
        configured = named.get("default")
    return configured if isinstance(configured, str) else None


def _mark(value: Any) -> str:
    """A mark, which configurations write as text or as an object with `content`."""
    if isinstance(value, dict):
        value = cast("dict[str, Any]", value).get("content")
    return value if isinstance(value, str) else ""


def _ids(value: Any) -> list[int]:
    several = cast("list[Any]", value) if isinstance(value, list) else [value]
    return [one for one in several if isinstance(one, int)]
