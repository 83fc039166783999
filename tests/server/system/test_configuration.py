"""The configuration is told with its origins, and changed as a whole or not at all."""

from __future__ import annotations

import asyncio
import os
import stat
from contextlib import aclosing
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from funland.v1.models_pb2 import LoadModelRequest
from funland.v1.system_pb2 import (
    GetConfigurationRequest,
    GetHealthReportRequest,
    PartHealth,
    Setting,
    WatchConfigurationRequest,
)
from funland_server.config import ServerSettings
from funland_server.system.values import from_wire
from tests.server.conftest import SECONDS, call, details, streamed
from tests.server.system.conftest import Configured, update


async def test_every_setting_is_told_with_its_value_and_where_it_comes_from(
    configured: Configured,
) -> None:
    configuration = await configured.get()

    told = {one.name: one for one in configuration.settings}
    assert list(told) == sorted(told)
    assert len(told) == len(ServerSettings.model_fields) + 15
    assert not configuration.restart_pending
    origins = {
        name: (Setting.Origin.Name(one.origin), one.origin_name, from_wire(one.value))
        for name, one in told.items()
        if one.origin != Setting.DEFAULT and not one.secret
    }
    assert origins == {
        "server.home": ("FLAG", "--home", str(configured.file.parent / "home")),
        "server.max_context_length": ("FILE", "", 256),
        "server.port": ("FLAG", "--grpc-port", 0),
        "server.queue_limit": ("VARIABLE", "FUNLAND_SERVER__QUEUE_LIMIT", 77),
        "server.slots": ("FILE", "", 4),
        "server.threads": ("FILE", "", 1),
    }
    slots = told["server.slots"]
    assert (slots.type, slots.minimum, slots.maximum) == (Setting.INTEGER, 1, 256)
    assert from_wire(slots.default_value) == 32
    assert list(told["server.log_level"].choices) == ["debug", "info", "warning", "error"]
    assert told["server.hubs"].type == Setting.STRINGS
    assert told["server.offline"].type == Setting.BOOLEAN
    assert told["server.threads"].default_value.WhichOneof("kind") == "null_value"
    assert all(one.description for one in told.values())
    assert all(one.effect for one in told.values())


async def test_a_prefix_picks_settings(configured: Configured) -> None:
    request = GetConfigurationRequest(prefix="gateway.max_")

    found = await call(configured.server, "GetConfiguration", request)

    assert [one.name for one in found.settings] == [
        "gateway.max_body_bytes", "gateway.max_connections",
    ]  # fmt: skip


async def test_a_secret_is_taken_and_never_told(configured: Configured) -> None:
    before = await configured.setting("server.huggingface_token")

    after = await configured.update({"server.huggingface_token": "hf-2", "server.slots": 5})

    assert 'huggingface_token = "hf-2"' in configured.file.read_text()
    token = await configured.setting("server.huggingface_token")
    assert (before.origin, before.origin_name) == (Setting.HUB_VARIABLE, "HF_TOKEN")
    assert (token.secret, token.is_set, token.origin) == (True, True, Setting.FILE)
    assert not token.HasField("value")
    assert "hf-" not in str(after)
    assert not (await configured.setting("server.database_url")).is_set
    settings = configured.server.settings.now
    assert settings.huggingface_token is not None
    assert settings.huggingface_token.get_secret_value() == "hf-2"


async def test_what_needs_no_start_is_so_at_once_and_the_rest_is_told_as_pending(
    configured: Configured,
) -> None:
    after = await configured.update({"server.slots": 6, "gateway.max_connections": 9})

    told = {one.name: one for one in after.settings}
    assert after.restart_pending
    assert from_wire(told["server.slots"].value) == 6
    assert not told["server.slots"].HasField("pending_value")
    assert from_wire(told["gateway.max_connections"].value) == 1024
    assert from_wire(told["gateway.max_connections"].pending_value) == 9
    assert configured.file.read_text() == (
        "# mine\n[server]\nslots = 6\nmax_context_length = 256\nthreads = 1\n"
        "\n[gateway]\nmax_connections = 9\n"
    )
    assert (await configured.get()).etag == after.etag

    again = await configured.update({"gateway.max_connections": None})

    assert not again.restart_pending


async def test_null_takes_a_setting_out_of_the_file(configured: Configured) -> None:
    await configured.update({"server.slots": None, "server.threads": None})

    assert configured.file.read_text() == "# mine\n[server]\nmax_context_length = 256\n"
    slots = await configured.setting("server.slots")
    assert (from_wire(slots.value), slots.origin) == (32, Setting.DEFAULT)
    # As where nobody says how many, the model gets as few as its memory allows.
    assert "slots" not in configured.server.settings.now.model_fields_set


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"server.slots": "8"}, 'values["server.slots"]', "it must be a whole number"),
    ({"server.slots": 1.5}, 'values["server.slots"]', "it must be a whole number"),
    ({"server.slots": True}, 'values["server.slots"]', "it must be a whole number"),
    ({"server.slots": 0}, 'values["server.slots"]', "greater than or equal to 1"),
    ({"server.keep_alive_seconds": "1"}, 'values["server.keep_alive_seconds"]', "a number"),
    ({"server.keep_alive_seconds": float("nan")}, 'values["server.keep_alive_seconds"]', "finite"),
    ({"server.offline": 1}, 'values["server.offline"]', "it must be true or false"),
    ({"server.hubs": "ollama"}, 'values["server.hubs"]', "it must be a list of strings"),
    ({"server.hubs": []}, 'values["server.hubs"]', "it must have at least 1 item"),
    ({"server.slots": 257}, 'values["server.slots"]', "it must be less than or equal to 256"),
    ({"server.hubs": ["elsewhere"]}, 'values["server.hubs"]', "'modelscope'"),
    ({"server.slot": 1}, 'values["server.slot"]', "Did you mean server.slots?"),
    ({"slots": 1}, 'values["slots"]', "Did you mean server.slots?"),
    ({"server.proxy": "https://u:secret@p.example"}, 'values["server.proxy"]', "without user"),
    ({"server.default_model": "none"}, 'values["server.default_model"]', "no model"),
    ({"server.host": "0.0.0.0"}, 'values["server.host"]', "loopback"),  # noqa: S104 - is refused
    ({"gateway.listen": ["5=none"]}, 'values["gateway.listen"]', "no dialect"),
]


@pytest.mark.parametrize(
    ("values", "field", "why"),
    WRONG,
    ids=[f"{next(iter(v))}-{n}" for n, (v, _, _) in enumerate(WRONG)],
)
async def test_what_is_wrong_is_named_and_nothing_is_changed(
    configured: Configured, values: dict[str, Any], field: str, why: str
) -> None:
    text, before = configured.file.read_text(), await configured.get()

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await configured.update({"server.response_days": 3, **values})

    found = details(raised.value)
    assert found["ErrorInfo"].reason == "FIELD_INVALID"
    (violation,) = found["BadRequest"].field_violations
    assert violation.field == field
    assert why in violation.description
    assert "secret" not in str(raised.value)
    assert configured.file.read_text() == text
    assert await configured.get() == before


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        ("server.port", "--grpc-port"),
        ("server.queue_limit", "FUNLAND_SERVER__QUEUE_LIMIT"),
    ],
)
@pytest.mark.parametrize("value", [1, None])
async def test_what_goes_before_the_file_is_not_changed_in_it(
    configured: Configured, name: str, origin: str, value: int | None
) -> None:
    text = configured.file.read_text()

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await configured.update({"server.slots": 8, name: value})

    info = details(raised.value)["ErrorInfo"]
    assert (info.reason, dict(info.metadata)) == (
        "SETTING_FIXED", {"setting": name, "origin": origin},
    )  # fmt: skip
    assert configured.file.read_text() == text


async def test_a_change_of_what_has_changed_is_refused(configured: Configured) -> None:
    first = await configured.get()
    second = await configured.update({"server.slots": 8}, etag=first.etag)

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await configured.update({"server.slots": 9}, etag=first.etag)

    assert details(raised.value)["ErrorInfo"].reason == "CONFIGURATION_CHANGED"
    await configured.update({"server.slots": 9}, etag=second.etag)


async def test_a_change_may_only_be_tried(configured: Configured) -> None:
    text, before = configured.file.read_text(), await configured.get()

    tried = await configured.update({"server.slots": 9}, validate_only=True)

    (slots,) = (one for one in tried.settings if one.name == "server.slots")
    assert from_wire(slots.value) == 9
    assert configured.file.read_text() == text
    assert await configured.get() == before


async def test_what_was_changed_by_hand_is_told_and_taken_by_the_next_change(
    configured: Configured,
) -> None:
    before = await configured.get()
    configured.file.write_text("[server]\nslots = 7\nhost = '127.0.0.1'\n")

    slots = await configured.setting("server.slots")
    told = await configured.get()
    assert (from_wire(slots.value), from_wire(slots.pending_value)) == (4, 7)
    assert told.restart_pending
    assert told.etag != before.etag

    after = await configured.update({"server.threads": 2}, etag=told.etag)

    assert not after.restart_pending
    assert configured.server.settings.now.slots == 7
    assert configured.file.read_text() == "[server]\nslots = 7\nhost = '127.0.0.1'\nthreads = 2\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[server]\nslots = 0\n", "server.slots"),
        ("[server]\nsecret = 'hunter2'\n", "server.secret"),
    ],
)
async def test_a_file_that_was_made_wrong_by_hand_is_told_and_can_be_mended(
    configured: Configured, text: str, why: str
) -> None:
    configured.file.write_text(text)

    assert not (await configured.get()).restart_pending
    report = await call(configured.server, "GetHealthReport", GetHealthReportRequest())
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await configured.update({"server.threads": 2})

    (part,) = (one for one in report.parts if one.name == "configuration")
    assert part.state == PartHealth.DEGRADED
    assert why in part.message
    (violation,) = details(raised.value)["BadRequest"].field_violations
    assert violation.field == "values"
    assert why in violation.description
    assert "hunter2" not in f"{report}{raised.value}"
    assert str(configured.file.parent) not in f"{report}{raised.value}"
    if why == "server.slots":
        await configured.update({"server.slots": 3})
        assert configured.server.settings.now.slots == 3


@pytest.mark.parametrize(
    "text",
    [b"[server", b"\xff", b"slots = 1\n", b"server = 1\n", b"[server]\nport = 1\nport = 2\n"],
)
async def test_a_file_that_is_none_is_left_alone(configured: Configured, text: bytes) -> None:
    configured.file.write_bytes(text)

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await configured.update({"server.threads": 2})

    assert details(raised.value)["ErrorInfo"].reason in ("STORAGE_UNAVAILABLE", "FIELD_INVALID")
    assert str(configured.file.parent) not in str(raised.value)
    assert configured.file.read_bytes() == text
    assert configured.server.settings.now.slots == 4


async def test_a_file_that_is_too_large_is_told(configured: Configured) -> None:
    configured.file.write_bytes(b"#" * (1024**2 + 1))

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await configured.update({"server.threads": 2})

    assert details(raised.value)["ErrorInfo"].reason == "STORAGE_UNAVAILABLE"
    assert "more than 1024 KiB" in str(raised.value.details())


async def test_a_link_that_leads_to_itself_is_told(configured: Configured) -> None:
    configured.file.unlink()
    configured.file.symlink_to(configured.file.name)

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await configured.update({"server.threads": 2})

    assert details(raised.value)["ErrorInfo"].reason == "STORAGE_UNAVAILABLE"
    assert str(configured.file.parent) not in str(raised.value)
    assert configured.server.settings.now.threads == 1


async def test_who_may_read_the_file_stays_and_a_link_stays_a_link(configured: Configured) -> None:
    real = configured.file.with_name("real.toml")
    configured.file.rename(real)
    configured.file.symlink_to(real)
    real.chmod(0o640)

    await configured.update({"server.slots": 9})

    assert configured.file.is_symlink()
    assert "slots = 9" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


async def test_a_new_file_is_its_owner_s_alone(configured: Configured) -> None:
    configured.file.unlink()

    await configured.update({"server.huggingface_token": "hf-2"})

    assert stat.S_IMODE(configured.file.stat().st_mode) == 0o600
    assert [path.name for path in configured.file.parent.glob("funland.toml*")] == ["funland.toml"]


async def test_a_file_that_can_t_be_written_changes_nothing(
    configured: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await configured.update({"server.response_days": 9})

    assert details(raised.value)["ErrorInfo"].reason == "STORAGE_FULL"
    assert configured.server.settings.now.response_days == 30


async def test_who_watches_is_told_of_each_change(configured: Configured) -> None:
    async with (
        asyncio.timeout(SECONDS),
        aclosing(
            streamed(configured.server, "WatchConfiguration", WatchConfigurationRequest())
        ) as news,
    ):
        first = await anext(news)
        updated = await configured.update({"server.slots": 9})
        second = await anext(news)
        configured.file.write_text("[server]\nport = 0\nslots = 2\n")
        seen = await configured.get()
        third = await anext(news)

    assert first != updated
    assert second == updated
    assert third == seen


async def test_changes_at_the_same_time_are_all_made(configured: Configured) -> None:
    names = ("slots", "threads", "max_context_length", "response_days", "download_jobs")

    await asyncio.gather(*(configured.update({f"server.{name}": 20}) for name in names))

    now = configured.server.settings.now
    assert [getattr(now, name) for name in names] == [20] * len(names)
    assert configured.file.read_text().count("= 20") == len(names)


async def test_a_caller_that_goes_away_leaves_nothing_half_done(configured: Configured) -> None:
    caller = asyncio.create_task(configured.update({"server.slots": 9}))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.wait([caller])

    told = await configured.setting("server.slots")

    in_file = "slots = 9" in configured.file.read_text()
    assert (from_wire(told.value) == 9) is in_file
    assert not told.HasField("pending_value")


async def test_a_program_s_own_settings_go_before_the_file(tmp_path: Path, server: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call(server, "UpdateConfiguration", update({"server.slots": 2}))
    await call(server, "UpdateConfiguration", update({"server.response_days": 2}))

    assert details(raised.value)["ErrorInfo"].reason == "SETTING_FIXED"
    assert server.settings.now.response_days == 2
    assert "response_days = 2" in (tmp_path / "home" / "funland.toml").read_text()


async def test_a_model_is_loaded_as_the_settings_say_then(configured: Configured) -> None:
    await configured.update({"server.slots": 3, "server.max_context_length": 128})

    model = await call(configured.server, "LoadModel", LoadModelRequest(model_id="funland-tiny"))

    assert (model.loaded.slots, model.loaded.context_length) == (3, 128)
