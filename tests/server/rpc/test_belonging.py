"""What a user makes is there for that user and for admins, and for nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

import pytest
import pytest_asyncio
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from funland.v1 import (
    auth_pb2,
    batches_pb2,
    datasets_pb2,
    files_pb2,
    projects_pb2,
    responses_pb2,
    sessions_pb2,
    tasks_pb2,
    training_pb2,
    uploads_pb2,
)
from funland.v1.inference_pb2 import GenerateRequest
from funland_server.rpc.belonging import OWNED, named
from tests.e2e.wires import Refused, Wire, wire_to
from tests.server.conftest import METHODS
from tests.server.rpc.users import User

ROWS: Final = datasets_pb2.DatasetSource(
    inline=datasets_pb2.InlineRows(name="a.jsonl", text='{"text": "Once upon a time"}\n')
)

in_one_loop = pytest.mark.asyncio(loop_scope="module")

NOBODYS: Final = {
    # Of the server and its machine, for all who may call.
    "adapter_id", "model_id", "deployment_id", "device_id", "device_ids", "download_id", "node_id",
    "plugin_id", "template_id", "effective_device_ids", "primary_device_id",
    "secondary_device_ids",
    # Within what names a session.
    "after_message_id", "edit_message_id", "head_message_id", "message_id",
    "regenerate_message_id",
    # Looked after by their domains.
    "dataset_id", "key_id", "owner_id", "project_id", "run_id", "run_ids", "upload_id", "user_id",
    # What a new model is to be called.
    "result_model_id",
    # Words of a conversation.
    "tool_call_id",
    # Of a batch that is kept, which no request brings.
    "error_file_id", "output_file_id", "request_id",
}  # fmt: skip
"""Fields that name nothing of OWNED."""


def ids(message: Descriptor, seen: set[str]) -> Iterator[str]:
    """The fields of a message and its parts that name something."""
    if message.full_name in seen or not message.full_name.startswith("funland."):
        return
    seen.add(message.full_name)
    for field in message.fields:
        if field.type == FieldDescriptor.TYPE_STRING and field.name.endswith(("_id", "_ids")):
            yield field.name
        if field.message_type is not None:
            yield from ids(field.message_type, seen)


def test_it_is_known_of_each_id_of_a_request_whether_it_is_a_users() -> None:
    found = {name for method in METHODS.values() for name in ids(method.input_type, set())}

    assert found <= NOBODYS | OWNED.keys()
    assert not NOBODYS & OWNED.keys()


def test_what_a_request_names_is_found_within_its_parts() -> None:
    request = tasks_pb2.SubmitTaskRequest()
    request.work.transcription.file_id = "file-1"

    assert [(thing.name, thing_id) for thing, thing_id in named(request)] == [("FILE", "file-1")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def things(ada: User) -> dict[str, str]:
    """One of each kind of thing, by the field that names it."""
    line = (
        b'{"custom_id": "a", "method": "POST", "url": "/funland/v1/generate",'
        b' "body": {"prompt": "Once", "sampling": {"maxTokens": 2}}}\n'
    )
    file = await ada.upload(line)
    session = await ada.call("CreateSession", sessions_pb2.CreateSessionRequest())
    request = responses_pb2.CreateResponseRequest(store=True)
    request.chat.messages.add(role="USER", content="Hi")
    request.chat.sampling.max_tokens = 2
    response = await ada.call("CreateResponse", request)
    work = tasks_pb2.Work(generate=GenerateRequest(prompt="Once"))
    work.generate.sampling.max_tokens = 2
    task = await ada.call("SubmitTask", tasks_pb2.SubmitTaskRequest(work=work))
    batch = await ada.call(
        "CreateBatch",
        batches_pb2.CreateBatchRequest(input_file_id=file.file_id, endpoint="/funland/v1/generate"),
    )
    project = await ada.call("CreateProject", projects_pb2.CreateProjectRequest(name="Ours"))
    dataset = await ada.call(
        "CreateDataset", datasets_pb2.CreateDatasetRequest(name="rows", source=ROWS)
    )
    await ada.last("WatchDataset", datasets_pb2.WatchDatasetRequest(dataset_id=dataset.dataset_id))
    run = await ada.call(
        "SubmitTraining",
        training_pb2.SubmitTrainingRequest(
            model_id="funland-tiny",
            dataset_id=dataset.dataset_id,
            hyperparameters=training_pb2.Hyperparameters(max_steps=1, rank=1),
        ),
    )
    upload = await ada.call("CreateUpload", uploads_pb2.CreateUploadRequest(name="a", size_bytes=2))
    key = await ada.call("CreateAccessKey", auth_pb2.CreateAccessKeyRequest(name="hers"))
    return {
        "file_id": file.file_id,
        "session_id": session.session_id,
        "response_id": response.response_id,
        "task_id": task.task_id,
        "batch_id": batch.batch_id,
        "project_id": project.project_id,
        "dataset_id": dataset.dataset_id,
        "run_id": run.run_id,
        "upload_id": upload.upload_id,
        "key_id": key.key_id,
        "user_id": ada.user_id,
    }


OF_DOMAINS: Final = {
    "dataset_id", "key_id", "project_id", "run_id", "run_ids", "upload_id", "user_id",
}  # fmt: skip
"""Fields that name something of a user's, and that the domains look after."""
FILTERS: Final = {
    ("ListDatasets", "project_id"),
    ("ListTrainingRuns", "project_id"),
}
"""Of a list that has then nothing in it."""
ELSEWHERE: Final = {("UpdateDataset", "project_id")}
"""Needs a dataset of one's own: see test_sharing.py."""
FOR_ADMINS: Final = {"ImportModel", "AttachAdapter"}
"""Which see all there is."""
NAMING: Final = sorted(
    (
        (name, field.name)
        for name, method in METHODS.items()
        for field in method.input_type.fields
        if field.name in OWNED.keys() | OF_DOMAINS
        and (name, field.name) not in FILTERS | ELSEWHERE
        and name not in FOR_ADMINS
    ),
    key=lambda pair: (pair[0].startswith(("Cancel", "Delete", "Revoke")), pair),
)
"""Those that end something come last: others would find nothing that was ended by mistake."""
_KIND_OF: Final = {
    "previous_response_id": "response_id",
    "input_file_id": "file_id",
    "run_ids": "run_id",
}
REASONS: Final = {
    "file_id": "FILE_NOT_FOUND",
    "session_id": "SESSION_NOT_FOUND",
    "response_id": "RESPONSE_NOT_FOUND",
    "task_id": "TASK_NOT_FOUND",
    "batch_id": "BATCH_NOT_FOUND",
    "project_id": "PROJECT_NOT_FOUND",
    "dataset_id": "DATASET_NOT_FOUND",
    "run_id": "TRAINING_RUN_NOT_FOUND",
    "upload_id": "UPLOAD_NOT_FOUND",
    "key_id": "ACCESS_KEY_NOT_FOUND",
    "user_id": "SCOPE_MISSING",  # users are there for admins alone
}
"""What is said of one that is not there; of a part of it, such as a message, something else is."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wires(eve: User) -> AsyncIterator[dict[str, Wire]]:
    """Those to the server that are Eve's, by their kinds."""
    async with (
        wire_to(eve.server, "gRPC", eve.authorization) as grpc_,
        wire_to(eve.server, "REST", eve.authorization) as rest,
    ):
        yield {"gRPC": grpc_, "REST": rest}


@pytest.mark.parametrize("kind", ["gRPC", "REST"])
@pytest.mark.parametrize(("rpc", "field"), NAMING, ids=[f"{rpc}-{field}" for rpc, field in NAMING])
@in_one_loop
async def test_what_is_anothers_is_not_found(
    rpc: str, field: str, kind: str, things: dict[str, str], wires: dict[str, Wire]
) -> None:
    named = "file_id" if field.endswith("file_id") else _KIND_OF.get(field, field)
    request = filled(METHODS[rpc].input_type, field, things[named])

    with pytest.raises(Refused) as refused:
        await told(wires[kind], rpc, request)

    assert refused.value.reason == REASONS[named]


async def told(wire: Wire, rpc: str, request: Any) -> Any:
    """What an RPC answers, however its requests come."""
    if METHODS[rpc].client_streaming and METHODS[rpc].server_streaming:
        return await wire.converse(rpc, request)
    if not METHODS[rpc].client_streaming:
        return await wire.call(rpc, request)

    async def nothing() -> AsyncIterator[bytes]:
        yield b""

    return await wire.send(rpc, request, nothing())


NEEDED: Final[Mapping[str, Mapping[str, Any]]] = {
    "AddDatasetVersionRequest": {"source": ROWS},
    "CancelMessageRequest": {"message_id": "msg_1"},
    "ConverseRequest": {"open": {}},
    "CreateAccessKeyRequest": {"name": "mine"},
    "CreateBatchRequest": {"endpoint": "/funland/v1/generate"},
    "CreateDatasetRequest": {"name": "mine", "source": ROWS},
    "CreateResponseRequest": {"chat": {"messages": [{"role": "USER", "content": "Hi"}]}},
    "GenerateImagesRequest": {"prompt": "x"},
    "GetMessageRequest": {"message_id": "msg_1"},
    "RemoveProjectMemberRequest": {"username": "ada"},
    "SendMessageRequest": {"content": "Hi"},
    "SetProjectMemberRequest": {"username": "eve", "role": "OWNER"},
    "SubmitTrainingRequest": {"model_id": "funland-tiny", "dataset_id": "ds_none"},
    "UpdateDatasetRequest": {"dataset_id": "ds_none"},
}
"""What requests need beside what they name, to pass the contract's rules."""


def filled(kind: Descriptor, field: str, value: str) -> Message:
    """A request that passes the contract's rules and names something."""
    request: Any = GetMessageClass(kind)(**NEEDED.get(kind.name, {}))
    if kind.fields_by_name[field].is_repeated:
        getattr(request, field).append(value)
    else:
        setattr(request, field, value)
    return request


STILL: Final = {
    "file_id": "GetFile",
    "session_id": "GetSession",
    "response_id": "GetResponse",
    "task_id": "GetTask",
    "batch_id": "GetBatch",
    "project_id": "GetProject",
    "dataset_id": "GetDataset",
    "run_id": "GetTrainingRun",
    "upload_id": "GetUpload",
    "key_id": "GetAccessKey",
}


@pytest.mark.parametrize("field", STILL)
@in_one_loop
async def test_all_was_there_and_nothing_came_of_those_calls(
    field: str, things: dict[str, str], ada: User
) -> None:
    """Else what they found not was not there at all."""
    rpc = STILL[field]
    request = GetMessageClass(METHODS[rpc].input_type)(**{field: things[field]})

    found = await ada.call(rpc, request)

    assert getattr(found, field) == things[field]
    assert "revoke_time" not in {field.name for field, _ in found.ListFields()}


@pytest.mark.parametrize(("rpc", "field"), sorted(FILTERS))
@in_one_loop
async def test_lists_of_anothers_have_nothing(
    rpc: str, field: str, things: dict[str, str], wires: dict[str, Wire]
) -> None:
    request = GetMessageClass(METHODS[rpc].input_type)(**{field: things[field]})

    assert (await wires["gRPC"].call(rpc, request)).total_size == 0


LISTS: Final = [
    ("ListFiles", files_pb2.ListFilesRequest(), "files"),
    ("ListSessions", sessions_pb2.ListSessionsRequest(), "sessions"),
    ("ListResponses", responses_pb2.ListResponsesRequest(), "responses"),
    ("ListTasks", tasks_pb2.ListTasksRequest(), "tasks"),
    ("ListBatches", batches_pb2.ListBatchesRequest(), "batches"),
    ("ListProjects", projects_pb2.ListProjectsRequest(), "projects"),
    ("ListDatasets", datasets_pb2.ListDatasetsRequest(), "datasets"),
    ("ListTrainingRuns", training_pb2.ListTrainingRunsRequest(), "runs"),
]


@pytest.mark.parametrize(("rpc", "request_", "field"), LISTS, ids=[rpc for rpc, *_ in LISTS])
@in_one_loop
async def test_lists_have_ones_own_and_for_admins_all(
    rpc: str,
    request_: Message,
    field: str,
    things: dict[str, str],
    users: tuple[User, User, User],
) -> None:
    ada, eve, admin = users

    assert things
    assert not getattr(await eve.call(rpc, request_), field)
    assert getattr(await ada.call(rpc, request_), field)
    assert getattr(await admin.call(rpc, request_), field)


@in_one_loop
async def test_files_that_a_batch_makes_are_its_users(
    things: dict[str, str], ada: User, eve: User
) -> None:
    watch = batches_pb2.WatchBatchRequest(batch_id=things["batch_id"])
    metadata = (("authorization", ada.authorization),)
    batch: Any = None
    async with ada.server.channel.stream(METHODS["WatchBatch"], watch, metadata, 60) as answers:
        async for told in answers:
            batch = told
    get = files_pb2.GetFileRequest(file_id=batch.output_file_id)

    assert batch.state == batches_pb2.Batch.COMPLETED
    assert (await ada.call("GetFile", get)).purpose == "batch_output"
    assert await eve.reason("GetFile", get) == "FILE_NOT_FOUND"


@in_one_loop
async def test_users_idempotency_keys_are_apart(ada: User, eve: User) -> None:
    request = tasks_pb2.SubmitTaskRequest(caller="one", idempotency_key="k")
    request.work.generate.CopyFrom(GenerateRequest(prompt="Once"))
    hers = await ada.call("SubmitTask", request)
    eves = await eve.call("SubmitTask", request)
    again = await ada.call("SubmitTask", request)
    request.work.generate.prompt = "Twice"

    assert hers.task_id == again.task_id != eves.task_id
    assert hers.idempotency_key == eves.idempotency_key == "k"
    assert await eve.reason("SubmitTask", request) == "IDEMPOTENCY_KEY_REUSED"
