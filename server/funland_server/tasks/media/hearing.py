"""Tasks that write down what is said in a recording."""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.speech_pb2 import TranscribeRequest
from funland.v1.tasks_pb2 import Lane, Task, TaskResult, Work
from funland_server.errors import NotFoundError
from funland_server.files.domain import Files
from funland_server.speech.domain import Speech
from funland_server.tasks.kinds import Checked, NotHereError, Running
from funland_server.tasks.media.given import check_given, file_ids


class Hearing:
    """See `Kind`."""

    kind = Task.TRANSCRIPTION
    lane = Lane.SPEECH
    resumes = False

    def __init__(self, speech: Speech, files: Files) -> None:
        self._speech = speech
        self._files = files

    async def check(self, work: Work) -> Checked:
        """Raises FieldInvalidError, UnknownFileError, FileElsewhereError, and what the choice of a
        recogniser does."""
        check_given(work)
        for file_id in file_ids(work):
            await self._files.path(file_id)
        request = work.transcription
        translate = request.task == TranscribeRequest.TRANSLATE
        model = self._speech.hearing.choose(request.model, request.language, translate=translate)
        return Checked(model.model_id, here=bool(file_ids(work)))

    async def run(self, running: Running) -> TaskResult:
        """Hears it to its end."""
        request = running.work.transcription
        request.model = request.model or running.model  # another may be the default by now
        hearing = self._speech.hearing
        try:
            told = await hearing.complete(request, running.progress, background=True)
            return TaskResult(transcription=told)
        except NotFoundError as error:
            if error.reason != ErrorReason.MODEL_NOT_FOUND:
                raise
            raise NotHereError(model=True) from error
