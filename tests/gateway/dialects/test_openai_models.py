"""Models as OpenAI lists its own."""

from __future__ import annotations

import orjson
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp
from openai.types import Model as OpenAIModel
from openai.types import ModelDeleted

from funland.v1.models_pb2 import (
    DeleteModelRequest,
    GetModelRequest,
    ListModelsRequest,
    ListModelsResponse,
    Model,
)
from funland_gateway.dialects.dialect import Incoming, Reply, Unary
from funland_gateway.dialects.openai.models import delete_model, list_models, retrieve_model
from funland_gateway.dialects.reading import JsonObject


def test_all_pages_are_one_list() -> None:
    first = list_models(Incoming(JsonObject({}), {}, 0))

    page = ListModelsResponse(
        models=[Model(model_id="a")],
        next_page_token="next",  # noqa: S106 - a page's, not a password
    )
    second = first.answer(page)
    assert isinstance(second, Unary)
    assert isinstance(second.message, ListModelsRequest)
    assert second.message.page_token == page.next_page_token
    reply = second.answer(ListModelsResponse(models=[Model(model_id="b")]))

    assert isinstance(reply, Reply)
    body = orjson.loads(reply.content)
    assert body["object"] == "list"
    assert [each["id"] for each in body["data"]] == ["a", "b"]


def test_a_model_is_found_by_a_name_with_a_slash() -> None:
    call = retrieve_model(Incoming(JsonObject({}), {"model": "Qwen/Qwen2.5"}, 0))

    assert call.message == GetModelRequest(model_id="Qwen/Qwen2.5")
    assert call.field_name("model_id") == "model"
    reply = call.answer(Model(model_id="qwen2.5", create_time=Timestamp(seconds=99)))
    assert isinstance(reply, Reply)
    model = OpenAIModel.model_validate_json(reply.content, strict=True)
    assert (model.id, model.created, model.owned_by) == ("qwen2.5", 99, "local")


def test_a_built_in_model_was_created_at_zero_by_funland() -> None:
    call = retrieve_model(Incoming(JsonObject({}), {"model": "tiny"}, 0))

    reply = call.answer(Model(model_id="tiny", built_in=True))

    assert isinstance(reply, Reply)
    model = OpenAIModel.model_validate_json(reply.content, strict=True)
    assert (model.created, model.owned_by) == (0, "funland")


def test_a_deleted_model_is_named() -> None:
    call = delete_model(Incoming(JsonObject({}), {"model": "mine"}, 0))

    assert call.message == DeleteModelRequest(model_id="mine")
    reply = call.answer(Empty())

    assert isinstance(reply, Reply)
    deleted = ModelDeleted.model_validate_json(reply.content, strict=True)
    assert (deleted.id, deleted.deleted) == ("mine", True)
