"""Speech, out of texts and into texts."""

from __future__ import annotations

from funland.v1 import speech_pb2
from funland_server.config import ServerSettings
from funland_server.domain import Domain, Service
from funland_server.files.domain import Files
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.speech.answering import LARGEST_ANSWER, Answering
from funland_server.speech.hearing import Hearing
from funland_server.speech.live_hearing import LiveHearing
from funland_server.speech.service import SpeechService
from funland_server.speech.speaking import Speaking


class Speech(Domain):
    """What other domains use of it is there once it is started."""

    service: SpeechService
    speaking: Speaking
    """Voices, and what they say."""
    answering: Answering
    """Texts into sound as a whole, such as a kept file."""
    hearing: Hearing
    """Recordings into texts."""

    def __init__(
        self, settings: Live[ServerSettings], metrics: Metrics, *, models: Models, files: Files
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._models = models
        self._files = files

    async def start(self) -> None:
        """Has nothing to read."""
        speech_model = self._settings.map(lambda now: now.speech_model)
        self.speaking = Speaking(self._models, self._metrics, speech_model)
        self.answering = Answering(self.speaking, LARGEST_ANSWER)
        transcription_model = self._settings.map(lambda now: now.transcription_model)
        self.hearing = Hearing(self._models, self._files, self._metrics, transcription_model)
        live_hearing = LiveHearing(self.hearing, self._models, self._metrics)
        self.service = SpeechService(self.speaking, self.answering, self.hearing, live_hearing)

    def services(self) -> list[Service]:
        """Answers `SpeechService`."""
        return [(speech_pb2.DESCRIPTOR.services_by_name["SpeechService"], self.service)]
