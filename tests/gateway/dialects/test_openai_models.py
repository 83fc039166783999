"""Models as OpenAI lists its own."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp
from openai.types import Model as OpenAIModel
from openai.types import ModelDeleted

from funland.v1.deployments_pb2 import (
    Deployment,
    DeploymentModel,
    GetDeploymentModelRequest,
    ListDeploymentsRequest,
    ListDeploymentsResponse,
)
from funland.v1.models_pb2 import (
    DeleteModelRequest,
    GetModelRequest,
    ListModelsRequest,
    ListModelsResponse,
    LoadedModel,
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
    third = second.answer(ListModelsResponse(models=[Model(model_id="b")]))
    assert isinstance(third, Unary)
    reply = third.answer(ListDeploymentsResponse())

    assert isinstance(reply, Reply)
    body = orjson.loads(reply.content)
    assert body["object"] == "list"
    assert [each["id"] for each in body["data"]] == ["a", "b"]


def test_deployments_that_run_are_models_by_their_names() -> None:
    models = ListModelsResponse(models=[Model(model_id="a", context_length=512)])
    second = list_models(Incoming(JsonObject({}), {}, 0)).answer(models)
    assert isinstance(second, Unary)
    assert second.message == ListDeploymentsRequest(states=[Deployment.RUNNING], page_size=1000)

    reply = second.answer(
        ListDeploymentsResponse(
            deployments=[
                Deployment(deployment_id="deploy_1", name="mine", model="a"),
                Deployment(deployment_id="deploy_2", model="a"),  # only who started it knows it
                Deployment(deployment_id="deploy_3", name="other", model="gone meanwhile"),
            ]
        )
    )

    assert isinstance(reply, Reply)
    told = [(each["id"], each["context_length"]) for each in orjson.loads(reply.content)["data"]]
    assert told == [("a", 512), ("mine", 512)]


def retrieved(name: str) -> Unary:
    """What asks for a model of a name that no deployment has."""
    deployments = retrieve_model(Incoming(JsonObject({}), {"model": name}, 0))
    call = deployments.answer(
        ListDeploymentsResponse(deployments=[Deployment(deployment_id="deploy_1", name="mine")])
    )
    assert isinstance(call, Unary)
    return call


@pytest.mark.parametrize("name", ["mine", "deploy_1"])
def test_a_deployment_is_found_by_its_names(name: str) -> None:
    deployments = retrieve_model(Incoming(JsonObject({}), {"model": name}, 0))
    call = deployments.answer(
        ListDeploymentsResponse(deployments=[Deployment(deployment_id="deploy_1", name="mine")])
    )
    assert isinstance(call, Unary)
    assert call.message == GetDeploymentModelRequest(deployment_id=name)

    reply = call.answer(DeploymentModel(model=Model(model_id="a"), context_length=256))

    assert isinstance(reply, Reply)
    body = orjson.loads(reply.content)
    assert (body["id"], body["context_length"], body["max_model_len"]) == (name, 256, 256)


def test_a_model_is_found_by_a_name_with_a_slash() -> None:
    call = retrieved("Qwen/Qwen2.5")

    assert call.message == GetModelRequest(model_id="Qwen/Qwen2.5")
    assert call.field_name("model_id") == "model"
    reply = call.answer(Model(model_id="qwen2.5", create_time=Timestamp(seconds=99)))
    assert isinstance(reply, Reply)
    model = OpenAIModel.model_validate_json(reply.content, strict=True)
    assert (model.id, model.created, model.owned_by) == ("qwen2.5", 99, "local")


def test_a_built_in_model_was_created_at_zero_by_funland() -> None:
    reply = retrieved("tiny").answer(Model(model_id="tiny", built_in=True))

    assert isinstance(reply, Reply)
    model = OpenAIModel.model_validate_json(reply.content, strict=True)
    assert (model.created, model.owned_by) == (0, "funland")


def shown(**fields: Any) -> dict[str, Any]:
    reply = retrieved("tiny").answer(Model(model_id="tiny", **fields))
    assert isinstance(reply, Reply)
    return orjson.loads(reply.content)


def test_a_model_tells_how_much_it_holds_and_how_large_it_is() -> None:
    trained: dict[str, Any] = {
        "context_length": 4096, "embedding_length": 256, "parameter_count": 9, "size_bytes": 77,
    }  # fmt: skip

    resting, loaded = shown(**trained), shown(**trained, loaded=LoadedModel(context_length=1024))

    assert (resting["context_length"], resting["max_model_len"]) == (4096, 4096)
    assert (loaded["context_length"], loaded["max_model_len"]) == (1024, 1024)
    assert loaded["meta"] == {"n_ctx_train": 4096, "n_embd": 256, "n_params": 9, "size": 77}


def test_what_a_models_file_does_not_tell_is_null() -> None:
    model = shown()

    assert (model["context_length"], model["max_model_len"]) == (None, None)
    assert set(model["meta"].values()) == {None}


@pytest.mark.parametrize(
    ("can", "words"),
    [
        ({"can_generate": True}, ["completion"]),
        ({"can_generate": True, "can_chat": True}, ["completion", "chat", "tools"]),
        ({"can_rerank": True}, ["rerank"]),
        ({}, ["embedding"]),
    ],
)
def test_a_model_tells_what_it_is_for(can: dict[str, bool], words: list[str]) -> None:
    assert shown(**can)["capabilities"] == words


def test_a_deleted_model_is_named() -> None:
    call = delete_model(Incoming(JsonObject({}), {"model": "mine"}, 0))

    assert call.message == DeleteModelRequest(model_id="mine")
    reply = call.answer(Empty())

    assert isinstance(reply, Reply)
    deleted = ModelDeleted.model_validate_json(reply.content, strict=True)
    assert (deleted.id, deleted.deleted) == ("mine", True)
