"""Makes OpenVINO's own format of a GGUF file, once."""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path

from funland_worker.engines.openvino.library import openvino_genai, unsupported

logger = logging.getLogger(__name__)

MODEL = "openvino_model.xml"


def convert(source: Path, target: Path) -> None:
    """Has openvino_genai read the file and write the folder, which has its name only when it is
    whole.

    Raises:
        EngineError: ENGINE_UNSUPPORTED for an architecture or quantization that it does not know,
            ENGINE_UNAVAILABLE if it is not installed.
    """
    genai = openvino_genai()
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".converting-", dir=target.parent))
    try:
        # It writes beside what it reads.
        link = partial / "model.gguf"
        link.symlink_to(source.resolve())
        try:
            genai.LLMPipeline(str(link), "CPU", enable_save_ov_model=True)
        except Exception as error:  # it raises whatever C++ does, from maps and strings too
            logger.warning("OpenVINO can't read the GGUF file: %s", error)
            raise unsupported(
                "format GGUF",
                "OpenVINO can't read this GGUF file: it knows the architectures llama and qwen2,"
                " and tensors of F16, Q8_0, Q4_0, Q4_K and Q6_K. llama.cpp knows more; the"
                " server's log has OpenVINO's own words.",
            ) from error
        link.unlink()
        if not (partial / MODEL).exists():
            raise unsupported(
                "format GGUF", "OpenVINO can't keep this GGUF file in its own format."
            )
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
