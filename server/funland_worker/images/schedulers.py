"""How noise becomes a picture, as OpenVINO GenAI is told it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from funland.v1.images_pb2 import GenerateImagesRequest
from funland_worker.images.sizes import refused
from funland_worker.images.suiting import Scheduler, told

_NAMES: Final[Mapping[Scheduler, str]] = {
    GenerateImagesRequest.SCHEDULER_UNSPECIFIED: "AUTO",
    GenerateImagesRequest.LCM: "LCM",
    GenerateImagesRequest.DDIM: "DDIM",
    GenerateImagesRequest.EULER_DISCRETE: "EULER_DISCRETE",
    GenerateImagesRequest.EULER_ANCESTRAL_DISCRETE: "EULER_ANCESTRAL_DISCRETE",
    GenerateImagesRequest.PNDM: "PNDM",
    GenerateImagesRequest.FLOW_MATCH_EULER_DISCRETE: "FLOW_MATCH_EULER_DISCRETE",
}
"""The library's names. Its LMS_DISCRETE is not among them: in Python it is the number of DDIM."""


def scheduler(genai: Any, own: Mapping[str, Any], wanted: Scheduler) -> Any:
    """A scheduler of the library `genai`.

    Raises:
        EngineError: FIELD_INVALID; the model's configuration does not suit it.
    """
    kind = getattr(genai.Scheduler.Type, _NAMES[wanted])
    with tempfile.TemporaryDirectory(prefix="funland-") as folder:
        path = Path(folder) / "scheduler_config.json"
        path.write_text(json.dumps(told(own, wanted)))
        try:
            return genai.Scheduler.from_config(path, kind)
        except RuntimeError as error:
            raise refused("scheduler", "the model's configuration does not suit it") from error
