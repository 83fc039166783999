"""Settings come from defaults, a file, the environment and flags; wrong ones name themselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from funland_cli.settings import Settings, SettingsError, flag, load_settings

if TYPE_CHECKING:
    from tests.cli.conftest import Command


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(*, config: Path | None = None, port: int | None = None, **variables: str) -> Settings:
    """Loads settings with a home of the test's own, so that nobody's file is read."""
    flags = {} if port is None else {"server.port": flag(port, "--grpc-port")}
    return load_settings(flags, config, {"FUNLAND_HOME": "home", **variables})


def test_without_any_source_the_defaults_hold() -> None:
    settings = load()

    assert settings.server.port == 50051
    assert settings.gateway.port == 8000
    assert settings.server.home == Path("home")


def test_a_later_source_wins(folder: Path) -> None:
    (folder / "funland.toml").write_text("[server]\nport = 1\n[gateway]\nport = 4\n")

    assert load().server.port == 1
    assert load(FUNLAND_SERVER__PORT="2").server.port == 2
    assert load(FUNLAND_SERVER__PORT="2", port=3).server.port == 3
    assert load(FUNLAND_SERVER__PORT="2", port=3).gateway.port == 4


def test_the_file_here_goes_before_the_homes(folder: Path) -> None:
    (folder / "home").mkdir()
    (folder / "home" / "funland.toml").write_text("[server]\nport = 1\n")
    assert load().server.port == 1

    (folder / "funland.toml").write_text("[server]\nport = 2\n")
    assert load().server.port == 2

    (folder / "mine.toml").write_text("[server]\nport = 3\n")
    assert load(config=Path("mine.toml")).server.port == 3


def test_what_clients_are_told_is_no_setting() -> None:
    settings = load(FUNLAND_SERVER="127.0.0.1:7", FUNLAND_CA="ca.pem", FUNLAND_KEY="fl_1")

    assert settings.server.port == 50051


def test_lists_are_parted_by_commas_in_the_environment() -> None:
    settings = load(FUNLAND_GATEWAY__ALLOWED_HOSTS="a.lan, b.lan")

    assert settings.gateway.allowed_hosts == ("a.lan", "b.lan")


def test_the_variables_of_the_hubs_own_tools_are_read(folder: Path) -> None:
    variables: dict[str, Any] = {
        "MODELSCOPE_DOMAIN": "old.example", "HF_ENDPOINT": "https://hub.example/path/",
        "HF_TOKEN": "secret-1", "MODELSCOPE_API_TOKEN": "secret-2", "HF_HUB_OFFLINE": "1",
    }  # fmt: skip

    server = load(**variables).server

    assert server.modelscope_endpoint == "https://old.example"
    assert server.huggingface_endpoint == "https://hub.example/path"
    assert server.huggingface_token is not None
    assert server.huggingface_token.get_secret_value() == "secret-1"
    assert server.offline
    assert "secret-" not in f"{server!r} {server}"
    newer = load(MODELSCOPE_ENDPOINT="http://127.0.0.1:9", **variables).server
    assert newer.modelscope_endpoint == "http://127.0.0.1:9"
    assert not load(HF_HUB_OFFLINE="0").server.offline


def test_the_hubs_own_variables_go_behind_all_else(folder: Path) -> None:
    (folder / "funland.toml").write_text(
        '[server]\nhuggingface_endpoint = "https://file.example"\n'
    )

    assert load(HF_ENDPOINT="https://theirs.example").server.huggingface_endpoint == (
        "https://file.example"
    )
    ours: dict[str, Any] = {"FUNLAND_SERVER__OFFLINE": "false", "HF_HUB_OFFLINE": "1"}
    assert not load(**ours).server.offline


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HF_ENDPOINT", "ftp://hub.example"),
        ("HF_ENDPOINT", "https://user:secret-1@hub.example"),
        ("MODELSCOPE_ENDPOINT", "https://hub.example/?q=1"),
        ("HF_TOKEN", "secret-1 with spaces"),
        ("FUNLAND_SERVER__HUBS", "elsewhere"),
        ("FUNLAND_SERVER__HUBS", ""),
        ("FUNLAND_SERVER__OLLAMA_MIRRORS", "https://good.example,https://[bad"),
    ],
)
def test_a_wrong_setting_of_a_hub_names_its_variable_and_no_secret(
    variable: str, value: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        load(**cast("Any", {variable: value}))

    assert variable in str(raised.value)
    assert "secret-1" not in str(raised.value)


def test_the_home_may_be_the_users(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("HOME", str(folder))

    assert load(FUNLAND_HOME="~/models").server.home == folder / "models"


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("FUNLAND_SERVER__PORT", "high", "server.port (from FUNLAND_SERVER__PORT) is wrong"),
        ("FUNLAND_SERVER__SLOTS", "0", "server.slots (from FUNLAND_SERVER__SLOTS) is wrong"),
        (
            "FUNLAND_GATEWAY__ALLOWED_ORIGINS",
            "https://a.lan, https://b.lan/",
            "gateway.allowed_origins (from FUNLAND_GATEWAY__ALLOWED_ORIGINS) is wrong: browsers"
            " don't send 'https://b.lan/': write 'https://b.lan'",
        ),
        ("FUNLAND_SERVER__PROT", "1", "server.prot (from FUNLAND_SERVER__PROT) is no setting."),
        ("FUNLAND_SREVER__PORT", "1", "srever (from FUNLAND_SREVER__PORT) is no setting."),
        ("FUNLAND_PORT", "1", "port (from FUNLAND_PORT) is no setting."),
    ],
)
def test_a_wrong_variable_is_named(variable: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({}, None, {"FUNLAND_HOME": "home", variable: value})

    assert raised.value.message.startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[server]\nport = 'high'", "server.port (from funland.toml) is wrong"),
        ("[server]\nthread = 4", "server.thread (from funland.toml) is no setting."),
        ("port = 1", "port (from funland.toml) stands in no table."),
        ("[server", "funland.toml is not TOML"),
    ],
)
def test_a_wrong_file_is_named(folder: Path, text: str, said: str) -> None:
    (folder / "funland.toml").write_text(text)

    with pytest.raises(SettingsError) as raised:
        load()

    assert raised.value.message.startswith(said)


def test_a_slip_of_the_pen_gets_the_name_that_was_meant() -> None:
    with pytest.raises(SettingsError) as raised:
        load(FUNLAND_SERVER__THREAD="4")

    assert raised.value.hint == "Did you mean server.threads?"


def test_every_wrong_setting_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        load(FUNLAND_SERVER__SLOTS="0", FUNLAND_GATEWAY__PORT="-1")

    assert len(raised.value.message.splitlines()) == 2


def test_a_file_that_is_asked_for_must_be_there() -> None:
    with pytest.raises(SettingsError, match=r"none\.toml can't be read"):
        load(config=Path("none.toml"))


@pytest.mark.parametrize("command", ["serve", "gateway"])
def test_off_loopback_the_service_refuses_to_start_and_says_how(
    funland: Command, command: str, folder: Path
) -> None:
    result = funland(command, "--host", "0.0.0.0", cwd=folder)  # noqa: S104 - is refused

    assert result.returncode == 2
    assert "gateway.host (from --host) is wrong" in result.stderr
    assert "SSH tunnel" in result.stderr
