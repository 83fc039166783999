"""Which model paints for a request that names none."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from funland.v1.models_pb2 import Model
from funland_server.models.errors import ModelNotFoundError
from funland_server.models.installed.model import InstalledModel

_NOBODY: Final = (
    "No model that paints is installed. Pull one, such as"
    " `funland pull hf:OpenVINO/LCM_Dreamshaper_v7-int8-ov`; the setting `image_model` says which"
    " of several is taken."
)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)


def chosen(name: str, setting: str, models: Iterable[InstalledModel]) -> str:
    """The name of the model: the one that is asked for, or else that of the settings, or else one
    that is there: what was installed before what comes with Funland, and the first of several.

    Raises:
        ModelNotFoundError: No model is there that paints.
    """
    if name or setting:
        return name or setting
    painters = [model for model in models if model.kind == Model.IMAGE]
    painters.sort(key=lambda one: (one.built_in, one.create_time or _FIRST, one.model_id))
    if not painters:
        raise ModelNotFoundError("", _NOBODY)
    return painters[0].model_id
