# Generated from ../asynchronous/datasets.py by `make client`: edit that one.
"""Datasets: rows to train with."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from typing import Any

from google.protobuf import json_format

from funland.v1.datasets_pb2 import (
    AddDatasetVersionRequest,
    CountDatasetTokensRequest,
    CreateDatasetRequest,
    Dataset,
    DatasetSource,
    DatasetTokens,
    DeleteDatasetRequest,
    GetDatasetRequest,
    ListDatasetRowsRequest,
    ListDatasetsRequest,
    UpdateDatasetRequest,
    WatchDatasetRequest,
)
from funland.v1.datasets_pb2_grpc import DatasetServiceStub
from funland_client.blocking.connection import Connection
from funland_client.errors import FunlandError
from funland_client.fields import filled
from funland_client.status import error_from_wire


class Datasets:
    """Datasets, as `client.datasets`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = DatasetServiceStub(connection.channel)

    def create(
        self, name: str, source: DatasetSource, *, description: str = "", project_id: str = ""
    ) -> Dataset:
        """Makes a dataset, and gives it at once: it is read in the background, `follow` waits.

        `source` is made by `of_file`, `of_path`, `of_hub` or `of_rows` of
        `funland_client.dataset_sources`.
        """
        values = {"name": name, "description": description, "project_id": project_id}
        request = filled(CreateDatasetRequest, "", values)
        request.source.CopyFrom(source)
        return self._connection.call(self._stub.CreateDataset, request, once=True)

    def add_version(self, dataset_id: str, source: DatasetSource) -> Dataset:
        """Gives a dataset new contents, as another version, which is read in the background."""
        request = AddDatasetVersionRequest(dataset_id=dataset_id, source=source)
        return self._connection.call(self._stub.AddDatasetVersion, request, once=True)

    def follow(self, dataset_id: str) -> Generator[Dataset]:
        """Gives a dataset as it is now, then again when it changes, until it is read.

        Raises the error of a reading that fails. A connection that is lost is made again, as often
        after each change as `retries` says; there is no timeout.
        """
        request = WatchDatasetRequest(dataset_id=dataset_id)
        attempts = self._connection.attempts()
        dataset: Dataset | None = None
        while dataset is None or dataset.status == Dataset.PREPARING:
            changes = self._connection.stream(
                self._stub.WatchDataset, request, endless=True, once=True
            )
            try:
                with changes:
                    for event in changes:
                        attempts = self._connection.attempts()
                        dataset = event.dataset
                        yield dataset
            except FunlandError as error:
                if (seconds := attempts.pause(error)) is None:
                    raise
                time.sleep(seconds)
        if dataset.HasField("error"):
            raise error_from_wire(dataset.error)

    def get(self, dataset_id: str) -> Dataset:
        """Gets a dataset with all its versions."""
        request = GetDatasetRequest(dataset_id=dataset_id)
        return self._connection.call(self._stub.GetDataset, request)

    def list(self, *, project_id: str = "", limit: int = 0) -> list[Dataset]:
        """Gets datasets, each with its newest version: those of a project, if one is named, and at
        most `limit`; 0: all."""
        datasets: list[Dataset] = []
        request = ListDatasetsRequest(project_id=project_id, page_size=limit)
        while True:
            page = self._connection.call(self._stub.ListDatasets, request)
            datasets.extend(page.datasets)
            if not page.next_page_token or 0 < limit <= len(datasets):
                return datasets[:limit] if limit else datasets
            request.page_token = page.next_page_token

    def update(
        self,
        dataset_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        project_id: str | None = None,
    ) -> Dataset:
        """Changes what is not None; an empty `project_id` takes it out of its project."""
        values = {"name": name, "description": description, "project_id": project_id}
        set_ones = {field: value for field, value in values.items() if value is not None}
        request = filled(UpdateDatasetRequest, "", {"dataset_id": dataset_id, **set_ones})
        return self._connection.call(self._stub.UpdateDataset, request)

    def rows(
        self, dataset_id: str, *, version: int = 0, skip: int = 0, limit: int = 20
    ) -> Sequence[dict[str, Any]]:
        """Gets rows as they are kept: `messages`, or `text`; 0 is the newest version. There may be
        fewer than `limit`, where they are large."""
        values = {"dataset_id": dataset_id, "version": version, "skip": skip, "limit": limit}
        request = filled(ListDatasetRowsRequest, "", values)
        answer = self._connection.call(self._stub.ListDatasetRows, request)
        return [json_format.MessageToDict(row) for row in answer.rows]

    def tokens(self, dataset_id: str, model: str = "", *, version: int = 0) -> DatasetTokens:
        """Counts the tokens of a version with a model's tokenizer and its chat template."""
        values = {"dataset_id": dataset_id, "model_id": model, "version": version}
        request = filled(CountDatasetTokensRequest, "", values)
        return self._connection.call(self._stub.CountDatasetTokens, request)

    def delete(self, dataset_id: str) -> None:
        """Removes a dataset with all its versions."""
        request = DeleteDatasetRequest(dataset_id=dataset_id)
        self._connection.call(self._stub.DeleteDataset, request, once=True)
