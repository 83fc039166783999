"""Makes OpenVINO's own format of a GGUF file, once.

openvino_genai passes over what it does not know of a file, tensors too, and then computes another
model. So what it knows is told here, as measured with its version 2026.4.1: the logits are within
0.03 of llama.cpp's with these tensors, and 0.7 to 14 off with others.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path

from funland_worker.engines.gguf_source import GgufSource, files
from funland_worker.engines.openvino.library import openvino_genai, unsupported
from funland_worker.engines.protocol import EngineError

logger = logging.getLogger(__name__)

MODEL = "openvino_model.xml"

_GLOBAL = {"token_embd.weight", "output_norm.weight", "output.weight"}
_BLOCK = {
    "attn_norm.weight", "attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_output.weight",
    "ffn_norm.weight", "ffn_gate.weight", "ffn_up.weight", "ffn_down.weight",
}  # fmt: skip
_ATTENTION_BIASES = {"attn_q.bias", "attn_k.bias", "attn_v.bias"}
_KNOWN = {
    # In a file of llama's what is rotated lies side by side. The weights are put apart, but not the
    # biases of queries and keys.
    "llama": _BLOCK | {
        "attn_v.bias", "attn_output.bias", "ffn_gate.bias", "ffn_up.bias", "ffn_down.bias",
    },
    "qwen2": _BLOCK | _ATTENTION_BIASES,
    "qwen3": _BLOCK | _ATTENTION_BIASES | {"attn_q_norm.weight", "attn_k_norm.weight"},
}  # fmt: skip
"""The tensors of a layer that are computed with, by architecture."""
_FREQUENCIES = "rope_freqs.weight"
_NAMED_TENSORS = 3


def convert(source: Path, target: Path) -> None:
    """Has openvino_genai read the file and write the folder, which has its name only when it is
    whole.

    Raises:
        EngineError: ENGINE_UNSUPPORTED for what `check` refuses and quantizations that it does not
            know, ENGINE_UNAVAILABLE if it is not installed.
    """
    genai = openvino_genai()
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".converting-", dir=target.parent))
    try:
        # It writes beside what it reads.
        link = partial / "model.gguf"
        link.symlink_to(source.resolve())
        try:
            check(source)
            genai.LLMPipeline(str(link), "CPU", enable_save_ov_model=True)
        except EngineError:
            raise
        except Exception as error:  # it raises whatever C++ does, from maps and strings too
            logger.warning("OpenVINO can't read the GGUF file: %s", error)
            raise unsupported(
                "format GGUF",
                "OpenVINO can't read this GGUF file: it knows tensors of F16, Q8_0, Q4_0, Q4_1,"
                " Q4_K and Q6_K. llama.cpp knows more; the server's log has OpenVINO's own words.",
            ) from error
        link.unlink()
        if not (partial / MODEL).exists():
            raise unsupported(
                "format GGUF", "OpenVINO can't keep this GGUF file in its own format."
            )
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check(path: Path) -> None:
    """Refuses a file of which openvino_genai would make another model.

    Raises:
        EngineError: ENGINE_UNSUPPORTED, with the tensor, key or architecture that it does not know.
    """
    if len(files(path)) > 1:
        raise unsupported(
            "format GGUF in several files",
            "OpenVINO can't read a GGUF model in several files. Join them into one"
            " (llama-gguf-split --merge) and import that, or use llama.cpp.",
        )
    source = GgufSource(path)
    if source.architecture not in _KNOWN:
        raise unsupported(
            f"architecture {source.architecture}",
            f"OpenVINO can't read a GGUF file of architecture {source.architecture!r}; it reads"
            f" {', '.join(_KNOWN)}. llama.cpp knows more.",
        )
    if (key := source.stretched_by) is not None:
        raise unsupported(
            key,
            f"The GGUF file stretches its context ({key}), and OpenVINO would compute it as if it"
            " did not. Use llama.cpp.",
        )
    if source.reads_ahead:
        raise unsupported(
            "attention.causal",
            "The GGUF file's model reads a text as a whole (attention.causal is false), and"
            " OpenVINO would compute it as if it did not. Use llama.cpp.",
        )
    if unknown := _unknown(source):
        named = ", ".join(unknown[:_NAMED_TENSORS])
        raise unsupported(
            f"tensor {unknown[0]}",
            f"OpenVINO would compute another model: it does not know this GGUF file's {named}"
            f"{' and others' if len(unknown) > _NAMED_TENSORS else ''}. Use llama.cpp, or import"
            " the model in OpenVINO's own format.",
        )


def _unknown(source: GgufSource) -> list[str]:
    """The tensors that would be passed over."""
    known = _KNOWN[source.architecture]
    unknown = [
        name
        for name in source.tensors
        if name not in _GLOBAL and not (name.startswith("blk.") and name.split(".", 2)[-1] in known)
    ]
    if _FREQUENCIES in unknown and (source.read(_FREQUENCIES) == 1).all():
        unknown.remove(_FREQUENCIES)  # it changes nothing
    return unknown
