# Generated from ../asynchronous/batches.py by `make client`: edit that one.
"""Many requests in a file, answered in the background into another."""

from __future__ import annotations

from collections.abc import Generator
from typing import Final, Unpack

from funland.v1.batches_pb2 import (
    Batch,
    CancelBatchRequest,
    GetBatchRequest,
    ListBatchesRequest,
    WatchBatchRequest,
)
from funland.v1.batches_pb2_grpc import BatchServiceStub
from funland_client import task_requests
from funland_client.arguments import BatchArguments
from funland_client.batch_lines import AnswerLines, BatchAnswer, Requests, source_of
from funland_client.blocking.connection import Connection
from funland_client.blocking.event_streams import EventStream
from funland_client.blocking.files import Files
from funland_client.blocking.followers import followed
from funland_client.ends import BATCH, batch_failure, batch_has_ended
from funland_client.errors import (
    BatchFailedError,
    CallCancelledError,
    DeadlineExceededError,
    FunlandError,
    InternalError,
    UnavailableError,
)

CHAT_COMPLETIONS: Final = "/v1/chat/completions"

_UNSURE: Final = (UnavailableError, DeadlineExceededError, CallCancelledError, InternalError)
"""After these, a batch may have been made all the same."""


class Batches:
    """Many requests in a file, as `client.batches`."""

    def __init__(self, connection: Connection, files: Files) -> None:
        self._connection = connection
        self._stub = BatchServiceStub(connection.channel)
        self._files = files

    def create(
        self,
        requests: Requests,
        endpoint: str = CHAT_COMPLETIONS,
        **arguments: Unpack[BatchArguments],
    ) -> Batch:
        """Uploads requests, and gives their batch at once; `results` gives the answers.

        They are a file of lines of JSON by its path, or what the lines ask; each has a `custom_id`
        of its own. `endpoint` is what each line asks: see `funland.v1.CreateBatchRequest`.
        """
        request = task_requests.batch("", endpoint, arguments)
        source = source_of(requests, endpoint)
        file = self._files.upload(source, purpose="batch", media_type="application/jsonl")
        request.input_file_id = file.file_id
        try:
            return self._connection.call(self._stub.CreateBatch, request, once=True)
        except FunlandError as error:
            if not isinstance(error, _UNSURE):
                self._files.delete(file.file_id)
            raise

    def create_of_file(
        self,
        input_file_id: str,
        endpoint: str = CHAT_COMPLETIONS,
        **arguments: Unpack[BatchArguments],
    ) -> Batch:
        """As `create`, of a file that the server keeps already."""
        request = task_requests.batch(input_file_id, endpoint, arguments)
        return self._connection.call(self._stub.CreateBatch, request, once=True)

    def get(self, batch_id: str) -> Batch:
        """Gets a batch."""
        request = GetBatchRequest(batch_id=batch_id)
        return self._connection.call(self._stub.GetBatch, request)

    def list(self, *, limit: int = 0) -> list[Batch]:
        """Gets batches, the newest first: at most `limit`, 0: all."""
        batches: list[Batch] = []
        page_size = min(limit or task_requests.LONGEST_PAGE, task_requests.LONGEST_PAGE)
        request = ListBatchesRequest(page_size=page_size)
        while True:
            page = self._connection.call(self._stub.ListBatches, request)
            batches.extend(page.batches)
            if not page.next_page_token or 0 < limit <= len(batches):
                return batches[:limit] if limit else batches
            request.page_token = page.next_page_token

    def follow(self, batch_id: str) -> Generator[Batch]:
        """Gives a batch as it is now, then again when it changes, until it has ended.

        Raises BatchFailedError if its file is wrong, and BatchStoppedError if it is cancelled or
        its time runs out. Who leaves the loop does not stop it. A connection that is lost is made
        again, as often after each event as `retries` says; there is no timeout.
        """
        request = WatchBatchRequest(batch_id=batch_id)
        last: Batch | None = None
        for batch in followed(self._connection, self._stub.WatchBatch, request, BATCH):
            last = batch
            yield batch
        if last is not None and (error := batch_failure(last)) is not None:
            raise error

    def wait(self, batch_id: str) -> Batch:
        """Waits until all lines of a batch were answered, and gives it; raises as `follow`."""
        found = self.get(batch_id)
        for batch in self.follow(batch_id):
            found = batch
        return found

    def watch(self, batch_id: str) -> EventStream[Batch]:
        """Gives a batch as it is now, then again when it changes, to its end; has no timeout."""
        request = WatchBatchRequest(batch_id=batch_id)
        return self._connection.stream(self._stub.WatchBatch, request, endless=True)

    def cancel(self, batch_id: str) -> Batch:
        """Ends a batch; lines that are answered stay so."""
        request = CancelBatchRequest(batch_id=batch_id)
        return self._connection.call(self._stub.CancelBatch, request)

    def results(self, batch_id: str) -> Generator[BatchAnswer]:
        """Gives what came of each line when the batch has ended, in any order, errors last.

        Waits for the end. Of one that was cancelled, or whose time ran out, those that were
        answered come. Raises BatchFailedError if its file is wrong.
        """
        batch = self.get(batch_id)
        if not batch_has_ended(batch):
            request = WatchBatchRequest(batch_id=batch_id)
            states = followed(self._connection, self._stub.WatchBatch, request, BATCH)
            for state in states:
                batch = state
        error = batch_failure(batch)
        if isinstance(error, BatchFailedError):
            raise error
        for file_id in (batch.output_file_id, batch.error_file_id):
            if not file_id:
                continue
            lines = AnswerLines()
            with self._files.stream(file_id) as parts:
                for part in parts:
                    for answer in lines.take(part.data):
                        yield answer
            for answer in lines.rest():
                yield answer
