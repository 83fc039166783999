"""Which engine runs a model."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings, Model
from funland.worker.v1 import worker_pb2
from funland_worker.engines.load_news import LoadNews
from funland_worker.engines.loaded import Loaded
from funland_worker.engines.protocol import EngineError

_LLAMA, _OPENVINO, _CTRANSLATE2 = (
    LoadSettings.LLAMA_CPP,
    LoadSettings.OPENVINO,
    LoadSettings.CTRANSLATE2,
)

# The engines that read a format, the preferred one first.
_READERS: dict[Model.Format.ValueType, tuple[LoadSettings.Engine.ValueType, ...]] = {
    Model.GGUF: (_LLAMA, _OPENVINO, _CTRANSLATE2),
    Model.OPENVINO_IR: (_OPENVINO,),
    Model.CTRANSLATE2: (_CTRANSLATE2,),
    Model.SAFETENSORS: (_CTRANSLATE2,),
}

# Their modules are imported by the worker that needs one: a package that is not installed is no
# harm to the others.
_LOADERS: dict[LoadSettings.Engine.ValueType, str] = {
    _LLAMA: "funland_worker.engines.llama_cpp.loading",
    _OPENVINO: "funland_worker.engines.openvino.loading",
    _CTRANSLATE2: "funland_worker.engines.ctranslate2.loading",
}

_CPU = ("", "CPU")


def choose(
    model_format: Model.Format.ValueType, settings: LoadSettings
) -> LoadSettings.Engine.ValueType:
    """The engine that the settings name, or else the first that reads the format and can compute on
    the device: all can on the CPU, only OpenVINO elsewhere.

    Raises:
        EngineError: ENGINE_UNSUPPORTED, if none of them does both.
    """
    readers = _READERS[model_format or Model.GGUF]
    able = [
        engine
        for engine in readers
        if settings.engine in (LoadSettings.ENGINE_UNSPECIFIED, engine)
        and (settings.device in _CPU or engine == _OPENVINO)
    ]
    if able:
        return able[0]
    if settings.engine not in (LoadSettings.ENGINE_UNSPECIFIED, *readers):
        name = LoadSettings.Engine.Name(settings.engine)
        wanted = Model.Format.Name(model_format or Model.GGUF)
        raise _unsupported(settings.engine, wanted, f"{name} does not read {wanted} models.")
    engine = settings.engine or readers[0]
    name = LoadSettings.Engine.Name(engine)
    raise _unsupported(
        engine,
        f"device {settings.device}",
        f"{name} computes this model on the CPU only, not on {settings.device}.",
    )


def load(launch: worker_pb2.Launch, news: LoadNews | None = None) -> Loaded:
    """The model in the engine that is chosen for it, which tells `news` how far it is.

    Raises:
        EngineError: ENGINE_UNSUPPORTED, ENGINE_UNAVAILABLE or MODEL_LOAD_FAILED.
    """
    # The server that placed the model on devices knows which engine computes there.
    engine = launch.settings.engine if launch.devices else choose(launch.format, launch.settings)
    module = import_module(_LOADERS[engine])
    news = news or LoadNews()
    news.begun()
    return cast("Callable[[worker_pb2.Launch, LoadNews], Loaded]", module.load)(launch, news)


def _unsupported(engine: LoadSettings.Engine.ValueType, feature: str, message: str) -> EngineError:
    return EngineError(
        ErrorReason.ENGINE_UNSUPPORTED,
        message,
        engine=LoadSettings.Engine.Name(engine),
        feature=feature,
    )
