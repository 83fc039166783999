"""A setting takes effect when the table says so: the part that uses it goes by the new value."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from pydantic import SecretStr

from funland.v1.downloads_pb2 import GetDownloadQueueRequest
from funland.v1.models_pb2 import (
    EstimateModelRequest,
    GetModelRequest,
    ImportModelRequest,
    LoadModelRequest,
    LoadSettings,
    Origin,
    UnloadModelRequest,
)
from funland.v1.system_pb2 import Setting
from funland_gateway.config import GatewaySettings
from funland_server.app import Server
from funland_server.auth.domain import Auth
from funland_server.batches.domain import Batches
from funland_server.chat.domain import Chat
from funland_server.config import ServerSettings
from funland_server.datasets.domain import Datasets
from funland_server.domain import Domain
from funland_server.downloads.domain import Downloads
from funland_server.files.domain import Files
from funland_server.hub.domain import Hub
from funland_server.images.domain import Images
from funland_server.models.domain import Models
from funland_server.plugins.domain import Plugins
from funland_server.plugins.manifest import Manifest
from funland_server.responses.domain import Responses
from funland_server.speech.domain import Speech
from funland_server.system.effects import effect
from funland_server.tasks.domain import Tasks
from tests.server.conftest import call
from tests.server.system.conftest import SECTIONS, Configured
from tests.server.tasks.webhooks.receiver import SECRET


def of(kind: type[Domain], path: str) -> Callable[[Server], Any]:
    """What a part of a server's domain has under a path of attributes."""

    def look(server: Server) -> Any:
        (domain,) = [each for each in attrgetter("_domains")(server) if type(each) is kind]
        return attrgetter(path)(domain)

    return look


def web(path: str) -> Callable[[Server], Any]:
    return of(Hub, f"_web.{path}")


def hub(kind: Any, path: str) -> Callable[[Server], Any]:
    return lambda server: attrgetter(path)(of(Hub, "hubs")(server).hubs[kind])


MODELSCOPE, HUGGINGFACE, OLLAMA = Origin.MODELSCOPE, Origin.HUGGINGFACE, Origin.OLLAMA

PLUGIN = Manifest(id="x", name="X", version="1", category="utility", entry="x:execute")

AT_ONCE: dict[str, tuple[Any, Callable[[Server], Any], Any]] = {
    "load_wait_seconds": (7, of(Models, "pool._lifecycle.room._patience.now"), 7),
    "send_timeout_seconds": (7, attrgetter("_grpc._send_timeout.now"), 7),
    "drain_seconds": (7, attrgetter("settings.now.drain_seconds"), 7),  # `serve` asks at the stop
    "session_linger_seconds": (7, of(Chat, "_linger.now"), 7),
    "response_days": (7, of(Responses, "_kept.keep_days.now"), 7),
    **{
        name: (3, of(Tasks, f"_settings.now.{name}"), 3)  # `_places` asks each time
        for name in (
            "language_tasks",
            "batch_tasks",
            "download_tasks",
            "speech_tasks",
            "picture_tasks",
            "training_tasks",
        )
    },
    "speech_model": ("m", of(Speech, "speaking._preferred.now"), "m"),
    "transcription_model": ("m", of(Speech, "hearing._preferred.now"), "m"),
    "image_model": ("m", of(Images, "painting._settings.now.image_model"), "m"),
    "image_pixels": (4096, of(Images, "painting._settings.now.image_pixels"), 4096),
    "image_blocked_terms": (
        ["x"],
        of(Images, "painting._settings.now.image_blocked_terms"),
        ("x",),
    ),
    "task_queue_limit": (7, of(Tasks, "_store._limits.now.capacity"), 7),
    "task_lease_seconds": (7, of(Tasks, "_membership._lease.now"), 7),
    "token_seconds": (77, of(Auth, "_logging_in.settings.now.token_seconds"), 77),
    "refresh_days": (7, of(Auth, "_logging_in.settings.now.refresh_days"), 7),
    "audit_days": (7, of(Auth, "_settings.now.audit_days"), 7),
    "task_days": (1, of(Tasks, "_store._limits.now.keep_seconds"), 86400),
    "batch_streams": (3, of(Batches, "_streams.now"), 3),
    "file_bytes": (2048, of(Files, "_limit.now"), 2048),
    "dataset_bytes": (2048, of(Datasets, "_limits.now.dataset"), 2048),
    "dataset_row_bytes": (2048, of(Datasets, "_limits.now.row"), 2048),
    "upload_bytes": (2048, of(Files, "_upload_limit.now"), 2048),
    "offline": (True, web("offline"), True),
    "proxy": ("http://p.example:1", web("_policy.now.proxy.host"), "p.example"),
    "allowed_private_hosts": (["a.lan"], web("_policy.now.private_hosts"), {"a.lan"}),
    "hubs": (["ollama"], lambda server: list(of(Hub, "hubs")(server).hubs), [OLLAMA]),
    "modelscope_endpoint": ("http://a.lan", hub(MODELSCOPE, "asker.endpoint"), "http://a.lan"),
    "huggingface_endpoint": ("http://a.lan", hub(HUGGINGFACE, "asker.endpoint"), "http://a.lan"),
    "ollama_endpoint": ("http://a.lan", hub(OLLAMA, "endpoint"), "http://a.lan"),
    "modelscope_mirrors": (["http://a.lan"], hub(MODELSCOPE, "mirrors"), ("http://a.lan",)),
    "huggingface_mirrors": (["http://a.lan"], hub(HUGGINGFACE, "mirrors"), ("http://a.lan",)),
    "ollama_mirrors": (["http://a.lan"], hub(OLLAMA, "mirrors"), ("http://a.lan",)),
    "modelscope_token": (
        "ms-2",
        lambda server: hub(MODELSCOPE, "asker.credential.headers")(server)["Authorization"],
        "Bearer ms-2",
    ),
    "huggingface_token": (
        "hf-2",
        lambda server: hub(HUGGINGFACE, "asker.credential.headers")(server)["Authorization"],
        "Bearer hf-2",
    ),
    "hub_timeout_seconds": (7, hub(HUGGINGFACE, "asker.seconds"), 7),
    "hub_catalog_hours": (7, of(Hub, "choosing._knowledge._catalog_hours.now"), 7),
    "download_jobs": (7, lambda server: of(Downloads, "_jobs.runner._active")(server)(), 7),
    "download_connections": (7, of(Downloads, "_jobs.control.connections.now"), 7),
    "download_bytes_per_second": (4096, of(Downloads, "_tools.bucket.rate"), 4096),
    "download_first_byte_seconds": (7, web("_deadlines.now.first_byte"), 7),
    "download_stall_seconds": (7, web("_deadlines.now.stall"), 7),
    "download_patience_seconds": (7, of(Downloads, "_tools.settings.now.patience"), 7),
    "download_reserve_bytes": (7, of(Downloads, "_jobs.runner._disk.reserve_bytes.now"), 7),
    "plugin_tasks": (7, of(Plugins, "_executing._places._limit.now"), 7),
    "plugin_memory_bytes": (
        1 << 26,
        lambda server: of(Plugins, "_executing.limits")(server)(PLUGIN).memory_bytes,
        1 << 26,
    ),
    "plugin_seconds": (
        7,
        lambda server: of(Plugins, "_executing.limits")(server)(PLUGIN).duration_seconds,
        7,
    ),
    "webhook_secret": (SECRET, of(Tasks, "_webhooks._secret.now"), SecretStr(SECRET)),
    "log_level": ("error", lambda _: logging.getLogger().level, logging.ERROR),
}
"""Each with a new value, what the part goes by, and what that is to be."""

NEXT_LOAD: dict[str, tuple[Any, str, Any]] = {
    "slots": (2, "spec.settings.slots", 2),
    "max_context_length": (128, "spec.max_context_length", 128),
    "threads": (2, "spec.settings.threads", 2),
    "cache_type": ("q8_0", "ready.value_type", LoadSettings.Q8_0),
    "keep_alive_seconds": (77, "spec.keep_alive_seconds", 77),
    "prefix_memory_bytes": (1 << 20, "spec.prefix_memory_bytes", 1 << 20),
    "prefix_spill_bytes": (1 << 20, "spec.prefix_spill.limit_bytes", 1 << 20),
    "hang_timeout_seconds": (77, "_watchdog._patience.silent_seconds", 77),
    "step_timeout_seconds": (77, "_watchdog._patience.step_seconds", 77),
}
"""The same of a worker that is started afterwards."""

TRIED_BELOW = {"default_model", "load_timeout_seconds", "memory_limit_bytes", "queue_limit"}
TRIED_IN_VLLM = {"vllm_environment", "vllm_start_seconds"}
"""By `tests/server/vllm/test_runner.py`."""


@pytest.fixture
def log_level() -> Iterator[None]:
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)


def test_every_setting_has_an_effect_and_each_that_needs_no_start_is_tried() -> None:
    effects = {
        f"{section}.{name}": effect(f"{section}.{name}")
        for section, model in SECTIONS.items()
        for name in model.model_fields
    }

    tried = {f"server.{name}" for name in {*AT_ONCE, *NEXT_LOAD, *TRIED_BELOW, *TRIED_IN_VLLM}}
    assert {name for name, when in effects.items() if when != Setting.NEXT_START} == tried
    assert {f"server.{name}" for name in AT_ONCE} <= {
        name for name, when in effects.items() if when == Setting.AT_ONCE
    }
    assert set(GatewaySettings.model_fields).isdisjoint(tried)
    assert {f"server.{name}" for name in ServerSettings.model_fields} <= set(effects)


@pytest.mark.usefixtures("log_level")
@pytest.mark.parametrize("name", AT_ONCE)
async def test_at_once(configured: Configured, name: str) -> None:
    value, look, expected = AT_ONCE[name]
    assert look_or_none(look, configured.server) != expected

    await configured.update({f"server.{name}": value})

    assert look(configured.server) == expected


def look_or_none(look: Callable[[Server], Any], server: Server) -> Any:
    try:
        return look(server)
    except AttributeError:
        return None


@pytest.mark.parametrize("name", NEXT_LOAD)
async def test_with_the_next_load(configured: Configured, model_path: Path, name: str) -> None:
    value, path, expected = NEXT_LOAD[name]
    await call(
        configured.server, "ImportModel", ImportModelRequest(path=str(model_path), model_id="mine")
    )
    await call(configured.server, "LoadModel", LoadModelRequest(model_id="mine"))
    pool = of(Models, "pool")(configured.server)
    before = pool.worker("mine")
    assert look_or_none(attrgetter(path), before) != expected

    await configured.update({f"server.{name}": value})

    assert pool.worker("mine") is before
    await call(configured.server, "UnloadModel", UnloadModelRequest(model_id="mine"))
    await call(configured.server, "LoadModel", LoadModelRequest(model_id="mine"))
    assert attrgetter(path)(pool.worker("mine")) == expected


async def test_another_default_model(configured: Configured, model_path: Path) -> None:
    await call(
        configured.server, "ImportModel", ImportModelRequest(path=str(model_path), model_id="mine")
    )

    await configured.update({"server.default_model": "mine"})

    assert (await call(configured.server, "GetModel", GetModelRequest(model_id="mine"))).default


async def test_a_shorter_time_to_load(configured: Configured) -> None:
    await configured.update({"server.load_timeout_seconds": 0.001})

    with pytest.raises(grpc.aio.AioRpcError, match="load_timeout_seconds"):
        await call(configured.server, "LoadModel", LoadModelRequest(model_id="funland-tiny"))


async def test_another_limit_of_memory(configured: Configured) -> None:
    await configured.update({"server.memory_limit_bytes": 64 << 20})

    request = EstimateModelRequest(model_id="funland-tiny")
    assert (await call(configured.server, "EstimateModel", request)).available_bytes <= 64 << 20


async def test_another_cap_of_downloads_is_told(configured: Configured) -> None:
    await configured.update({"server.download_jobs": 5, "server.download_bytes_per_second": 2048})

    service = attrgetter("_pipeline")(configured.server)
    method = next(m for m in service.methods() if m.descriptor.name == "GetDownloadQueue")
    queue = await configured.server.channel.unary(
        method.descriptor, GetDownloadQueueRequest(), (), None
    )
    told: Any = queue
    assert (told.max_active, told.max_bytes_per_second) == (5, 2048)


async def test_a_longer_queue_of_a_program_s_own_server(server: Server, tmp_path: Path) -> None:
    settings = server.settings
    settings.put(settings.now.model_copy(update={"queue_limit": 3}))

    await call(server, "LoadModel", LoadModelRequest(model_id="funland-tiny"))

    assert of(Models, "pool")(server).worker("funland-tiny").spec.queue_limit == 3
