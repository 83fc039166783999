"""What GGUF files hold beside models that write text, by what they say of themselves."""

from __future__ import annotations

from collections.abc import Mapping

_ENCODERS = {
    "bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "jina-bert-v3", "neo-bert",
    "modern-bert", "eurobert", "t5encoder", "gemma-embedding", "llama-embed",
}  # fmt: skip
_DIFFUSION = {"dream", "llada", "llada-moe", "rnd1"}
"""They write all of a text at once, over and over. Here they only read."""

_DRAFT = (
    "a draft head, which guesses from within the model that it was trained for; Funland's draft"
    " models are whole models of the same vocabulary"
)
_SPEECH = "a part of a speech model, whose tokens are sounds; Funland runs models of text"
_FOREIGN: Mapping[str, str] = {
    "clip": "a projector (mmproj), which shows pictures or sounds to another model; import that"
    " model, and name this as its projector",
    "eagle3": _DRAFT,
    "dflash": _DRAFT,
    "dspark": _DRAFT,
    "gemma4-assistant": _DRAFT,
    "qwen3tts": _SPEECH,
    "pockettts": _SPEECH,
    "wavtokenizer-dec": _SPEECH,
    "t5": "a model with an encoder beside its decoder, which Funland can't run",
}
"""By llama.cpp's names for architectures."""
_TYPES: Mapping[str, str] = {
    "adapter": "a LoRA adapter; import its model, and attach it to that",
    "mmproj": _FOREIGN["clip"],
    "imatrix": "a record of what matters when a model is quantized, and no model",
}
"""By `general.type`."""


def foreign(values: Mapping[str, object]) -> str | None:
    """What a file is, by its metadata, if it is nothing that Funland can run."""
    kind, architecture = values.get("general.type"), values.get("general.architecture")
    return _TYPES.get(str(kind)) or _FOREIGN.get(str(architecture))


def writes_text(values: Mapping[str, object]) -> bool:
    """Whether a model writes a token after the other; else it reads texts as a whole."""
    architecture = values.get("general.architecture")
    if architecture in _ENCODERS or architecture in _DIFFUSION:
        return False
    return values.get(f"{architecture}.attention.causal", 1) != 0
