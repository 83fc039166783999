"""The state that the tests take for granted: models and responses of certain names."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Final

import grpc

from funland.v1.batches_pb2 import Batch
from funland.v1.models_pb2 import ImportModelRequest, ListModelsRequest
from funland.v1.models_pb2_grpc import ModelServiceStub
from funland.v1.responses_pb2 import Response

MODELS: Final = (
    "gpt-6-astra", "gpt-5.4", "gpt-4o-mini", "gpt-4o", "gpt-3.5-turbo-instruct",
    "text-embedding-3-small", "text-embedding-ada-002", "model",
)  # fmt: skip
"""What the tests call models: aliases of the embedded one here."""

DELETED: Final = "ft:gpt-4o-mini:acemeco:suffix:abc123"
"""The model that tests delete: one of its own, installed before each of them."""

RESPONSES: Final = (
    "resp_677efb5139a88190b512bc3fef8e535d", "resp_123", "response_id", "previous_response_id",
)  # fmt: skip
"""What the tests call responses that there are."""

FILES: Final = ("file_id", "input_file_id")
"""What the tests call the files that there are."""

BATCHES: Final = ("batch_id",)
"""What the tests call the batch that there is."""

CHATS: Final = ("resp_completion_id",)
"""The chat completions that there are; a test calls one `completion_id`."""


def install_model(server: str, model_id: str, aliases: Sequence[str]) -> None:
    """Installs the embedded model once more, under other names, unless it is there."""
    embedded = resources.files("funland_server.models") / "embedded" / "funland-tiny.gguf"
    with grpc.insecure_channel(server) as channel:
        models = ModelServiceStub(channel)
        installed = models.ListModels(ListModelsRequest()).models
        if model_id not in {model.model_id for model in installed}:
            models.ImportModel(
                ImportModelRequest(path=str(embedded), model_id=model_id, aliases=aliases)
            )


def install_pictures(server: str, path: Path) -> None:
    """Installs a folder with a model that paints: the default one where there is no other."""
    with grpc.insecure_channel(server) as channel:
        request = ImportModelRequest(path=str(path), model_id="sdk-pictures")
        ModelServiceStub(channel).ImportModel(request)


def keep_responses(home: Path, like: str, names: Sequence[str]) -> None:
    """Puts responses under the tests' names beside the one whose id is `like`, a real one.

    The API gives ids and takes none, so this is done in the database. It is quick enough to be done
    before each test, since some of them delete a response.
    """
    with closing(sqlite3.connect(home / "funland.sqlite3", timeout=10)) as database:
        database.row_factory = sqlite3.Row
        found = database.execute("SELECT * FROM responses WHERE response_id = ?", (like,))
        row = dict(found.fetchone())
        response = Response.FromString(row["response"])
        for name in names:
            response.response_id = name
            row |= {"response_id": name, "response": response.SerializeToString()}
            columns, places = ", ".join(row), ", ".join("?" for _ in row)
            database.execute(
                f"INSERT OR IGNORE INTO responses ({columns}) VALUES ({places})",  # noqa: S608 - the table's own names
                list(row.values()),
            )
        database.commit()


def keep_files(home: Path, like: str, names: Sequence[str]) -> None:
    """Puts files under the tests' names beside the one whose id is `like`, a real one; otherwise as
    `keep_responses`."""
    with closing(sqlite3.connect(home / "funland.sqlite3", timeout=10)) as database:
        database.row_factory = sqlite3.Row
        found = database.execute("SELECT * FROM files WHERE file_id = ?", (like,))
        row = dict(found.fetchone())
        for name in names:
            content = home / "files" / name
            if not content.exists():
                content.hardlink_to(home / "files" / like)
            row |= {"file_id": name}
            columns, places = ", ".join(row), ", ".join("?" for _ in row)
            database.execute(
                f"INSERT OR IGNORE INTO files ({columns}) VALUES ({places})",  # noqa: S608 - the table's own names
                list(row.values()),
            )
        database.commit()


def keep_batches(home: Path, like: str, names: Sequence[str]) -> None:
    """Puts batches under the tests' names beside the one whose id is `like`, a real one that has
    ended; otherwise as `keep_responses`."""
    with closing(sqlite3.connect(home / "funland.sqlite3", timeout=10)) as database:
        database.row_factory = sqlite3.Row
        found = database.execute("SELECT * FROM batches WHERE batch_id = ?", (like,))
        row = dict(found.fetchone())
        batch = Batch.FromString(row["batch"])
        for name in names:
            batch.batch_id = name
            row |= {"batch_id": name, "task_id": name, "batch": batch.SerializeToString()}
            columns, places = ", ".join(row), ", ".join("?" for _ in row)
            database.execute(
                f"INSERT OR IGNORE INTO batches ({columns}) VALUES ({places})",  # noqa: S608 - the table's own names
                list(row.values()),
            )
        database.commit()
