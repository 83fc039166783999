"""The table `[mcp]` of the settings file."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from funland_server.config import ServerSettings
from funland_server.configuration.fields import described
from funland_server.configuration.given import WrongSettingsError
from funland_server.configuration.sources import Sources
from funland_server.mcp.settings import McpServerSettings, McpSettings
from funland_server.system.presenting import present

SECTIONS = {"server": ServerSettings, "mcp": McpSettings}


def joined(folder: Path, text: str) -> Any:
    sources = Sources(SECTIONS, folder / "funland.toml")
    return sources.join(textwrap.dedent(text)).sections["mcp"]


def test_a_server_is_a_table_of_the_file(tmp_path: Path) -> None:
    settings = joined(
        tmp_path,
        """
        [mcp.servers.files]
        command = ["npx", "server-files", "/srv"]
        env = { TOKEN = "s3cret-token" }
        tools = ["read", "list"]

        [mcp.servers.search]
        url = "https://search.example/mcp"
        headers = { Authorization = "Bearer s3cret-key" }
        timeout_seconds = 5
        result_bytes = 1000
        admins_only = true
        """,
    )

    files, search = settings.servers["files"], settings.servers["search"]
    assert files.command == ("npx", "server-files", "/srv")
    assert files.tools == ("read", "list")
    assert files.secrets == ("s3cret-token",)
    assert (search.url, search.timeout_seconds) == ("https://search.example/mcp", 5)
    assert search.secrets == ("Bearer s3cret-key",)
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it must have either a command or a url"),
        ('command = ["a"]\nurl = "http://a.example"', "it must have either a command or a url"),
        ("command = []", "it must have either a command or a url"),
        ('url = "http://a.example"\nenv = { A = "b" }', "env is for a command"),
        ('command = ["a"]\nheaders = { A = "b" }', "headers are for a url"),
        ('url = "file:///etc/passwd"', "it must be an http or https URL"),
        ('url = "http://user:s3cret@a.example"', "without user, password"),
        ('url = "http://a.example"\nheaders = { "a b" = "c" }', "match pattern"),
        ('url = "http://a.example"\nheaders = { A = "s3cret\\n" }', "printable ASCII"),
        ('command = ["a"]\nenv = { "A=B" = "c" }', "match pattern"),
        ('command = ["a"]\ntimeout_seconds = 0', "greater than or equal to 0.1"),
        ('command = ["a"]\nresult_bytes = 1', "greater than or equal to 256"),
        ('command = ["a"]\nadmin_only = true', "mcp.servers.one.admin_only"),
        ('command = "a b"', "valid tuple"),
    ],
)
def test_a_wrong_table_says_what_is_wrong_and_no_secret(
    tmp_path: Path, text: str, why: str
) -> None:
    with pytest.raises(WrongSettingsError) as raised:
        joined(tmp_path, f"[mcp.servers.one]\n{text}\n")

    assert why in raised.value.message
    assert "mcp.servers.one" in raised.value.message
    assert str(tmp_path) in raised.value.message
    assert "s3cret" not in raised.value.message


@pytest.mark.parametrize("name", ["", "A", "a b", "a.b", "-a", "x" * 33])
def test_a_name_fits_in_a_tools_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(WrongSettingsError):
        joined(tmp_path, f'[mcp.servers."{name}"]\ncommand = ["a"]\n')


def test_rpcs_tell_nothing_of_the_table(tmp_path: Path) -> None:
    sources = Sources(SECTIONS, tmp_path / "funland.toml")
    with_one = sources.join('[mcp.servers.one]\ncommand = ["s3cret-program"]\n')

    told = present(described(SECTIONS), with_one, with_one, b"key")

    assert not [setting.name for setting in told.settings if setting.name.startswith("mcp")]
    assert b"s3cret" not in told.SerializeToString()


def test_a_program_may_set_it_too() -> None:
    one = McpServerSettings(command=("a",))
    assert McpSettings(servers={"one": one}).servers["one"].timeout_seconds == 60
