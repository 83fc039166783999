"""Loads a model that speaks: what its folder has says what kind of voice it is."""

from __future__ import annotations

from pathlib import Path

from funland.v1.errors_pb2 import ErrorReason
from funland.worker.v1.worker_pb2 import Launch
from funland_worker import cores
from funland_worker.engines.load_news import LoadNews
from funland_worker.engines.protocol import EngineError
from funland_worker.media.engine import MediaEngine
from funland_worker.speech import hibari
from funland_worker.speech.engine import SpeechEngine
from funland_worker.speech.kokoro_files import is_kokoro
from funland_worker.speech.piper_files import description_of
from funland_worker.speech.sherpa_files import is_lexicon_voice
from funland_worker.speech.voicing import Voicing

_JOBS = 32
"""How many texts are spoken at once if nobody says: sentences of all take turns."""


def load(launch: Launch, news: LoadNews) -> MediaEngine:
    """See `media.opening`. Blocks.

    Raises:
        EngineError: It can't be loaded.
    """
    threads = launch.settings.threads or cores.most_threads(cores.count())
    voicing = opened(Path(launch.model_path), threads, news)
    return SpeechEngine(voicing, jobs=launch.settings.slots or _JOBS)


def opened(path: Path, threads: int, news: LoadNews) -> Voicing:
    """The voices of a folder, computed by so many threads."""
    if (path / hibari.MARK).is_file():
        return hibari.HibariVoicing(path, threads)
    # Imported by the worker that needs it.
    if is_kokoro(path):
        from funland_worker.speech.kokoro import KokoroVoicing  # noqa: PLC0415 - for such voices alone

        return KokoroVoicing(path, threads)
    if (description := description_of(path)) is not None:
        from funland_worker.speech.piper import PiperVoicing  # noqa: PLC0415 - for such voices alone

        return PiperVoicing(description, threads)
    if is_lexicon_voice(path):
        from funland_worker.speech.sherpa import SherpaVoicing  # noqa: PLC0415 - for such voices alone

        return SherpaVoicing(path, threads)
    raise EngineError(
        ErrorReason.MODEL_FILE_INVALID, f"{path.name} holds no voice that Funland can load."
    )
