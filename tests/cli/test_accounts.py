"""`funland login` and what goes with it, against a real service with accounts."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer

from funland_cli.keys import ending
from funland_cli.projects import with_role
from tests.cli.terminal import Terminal
from tests.conftest import running

if TYPE_CHECKING:
    from tests.cli.conftest import Command
    from tests.conftest import Stack

PASSWORD = "correct horse battery"  # noqa: S105 - a user's of these tests
Result = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service with accounts."""
    home = tmp_path_factory.mktemp("house") / "home"
    with running(home, FUNLAND_SERVER__ACCOUNTS="true") as stack:
        yield stack


@dataclass
class Seat:
    """Where somebody sits: a folder of settings of their own, and the service."""

    funland: Command
    stack: Stack
    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        return {"FUNLAND_SERVER": self.stack.grpc_address, "XDG_CONFIG_HOME": str(self.folder)}

    def __call__(self, *arguments: str, stdin: str = "", **variables: str) -> Result:
        given: dict[str, Any] = {**self.variables, **variables}  # or one may be `cwd`
        return self.funland(*arguments, stdin=stdin, **given)

    def told(self, *arguments: str, stdin: str = "") -> Any:
        """The JSON of a command that succeeds."""
        result = self(*arguments, "--json", stdin=stdin)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def logged_in(self, name: str = "admin", password: str = "") -> Seat:
        given = password or self.stack.admin_password
        result = self("login", "-u", name, "--password", "-", stdin=given + "\n")
        assert result.returncode == 0, result.stderr
        return self

    @property
    def kept(self) -> str:
        return (self.folder / "funland" / "logins.json").read_text("utf-8")


@pytest.fixture
def seat(funland: Command, house: Stack, tmp_path: Path) -> Seat:
    return Seat(funland, house, tmp_path / "mine")


@pytest.fixture
def other(funland: Command, house: Stack, tmp_path: Path) -> Seat:
    return Seat(funland, house, tmp_path / "another's")


def test_without_a_login_one_is_told_of_it(seat: Seat) -> None:
    for command in (["models", "list"], ["ps"], ["whoami"], ["users"]):
        result = seat(*command)

        assert result.returncode == 1
        assert result.stdout == ""
        assert result.stderr.startswith("error: This needs an identity")
        assert result.stderr.endswith("hint: Log in with: funland login\n")


def test_a_login_serves_all_commands_until_it_is_ended(seat: Seat) -> None:
    login = seat("login", "-u", "admin", "--password", "-", stdin=seat.stack.admin_password)
    told = seat.told("whoami")
    shown = seat("whoami")
    chat = seat("chat", "Hello", "--max-tokens", "3")
    models = seat("models", "list")
    out = seat("logout")
    again = seat("logout")

    assert login.stdout == f"Logged in at {seat.stack.grpc_address} as admin, admin.\n"
    assert told["user"]["username"] == "admin"
    assert told["scopes"] == ["admin", "infer", "manage", "read"]
    assert "the login that is kept here" in shown.stdout
    assert chat.returncode == models.returncode == 0
    assert chat.stdout.strip()
    assert out.stdout == f"Logged out at {seat.stack.grpc_address}.\n"
    assert again.stdout == f"Nobody was logged in at {seat.stack.grpc_address}.\n"
    assert seat("ps").returncode == 1


def test_a_password_is_asked_for_and_not_shown(seat: Seat) -> None:
    environment = seat.funland.environment(**seat.variables, TERM="xterm")
    terminal = Terminal([seat.funland.path, "login"], environment)
    try:
        terminal.wait_for("User: ")
        terminal.type("admin\n")
        terminal.wait_for("Password: ")
        terminal.type(seat.stack.admin_password + "\n")
        shown = terminal.wait_for("Logged in at .* as admin")
        assert terminal.process.wait(120) == 0
    finally:
        terminal.close()

    assert seat.stack.admin_password not in shown
    path = seat.folder / "funland" / "logins.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert seat.stack.admin_password not in seat.kept


@pytest.mark.parametrize("command", [["login"], ["login", "-u", "ada"], ["users", "add", "ada"]])
def test_without_a_terminal_nobody_is_asked(seat: Seat, command: list[str]) -> None:
    result = seat(*command)

    assert result.returncode == 2
    assert result.stderr.startswith(
        "error: There is no terminal to ask at.\nhint: Give it with: --"
    )


@pytest.mark.parametrize(
    "command",
    [
        ["login", "-u", "ada", "--password", PASSWORD],
        ["login", "--key", PASSWORD],
        ["users", "add", "ada", "--password", PASSWORD],
        ["users", "password", "--password", PASSWORD],
    ],
)
def test_no_command_takes_a_secret_and_none_tells_it(seat: Seat, command: list[str]) -> None:
    if command[0] == "users":
        seat.logged_in()

    result = seat(*command)

    assert result.returncode == 2
    assert "on standard input" in result.stderr
    assert PASSWORD not in result.stderr + result.stdout


def test_nothing_that_fails_tells_a_secret(seat: Seat) -> None:
    key = "fl_" + "Secret" * 8
    wrong = seat("login", "-u", "admin", "--password", "-", stdin=PASSWORD)
    unknown = seat("login", "--key", "-", stdin=key)
    variable = seat("ps", FUNLAND_KEY=key)
    broken = seat("ps", FUNLAND_KEY=f"{key} and\nmore")
    remote = seat("--server", "10.0.0.7:50051", "ps", FUNLAND_KEY=key)

    for result in (wrong, unknown, variable, broken, remote):
        assert result.returncode == 1
        assert PASSWORD not in result.stderr
        assert key not in result.stderr
        assert "Traceback" not in result.stderr
    assert "grpcs://10.0.0.7:50051" in remote.stderr
    assert "name or the password is wrong" in wrong.stderr
    assert not (seat.folder / "funland" / "logins.json").exists()
    for secret in (PASSWORD, key, seat.stack.admin_password):
        assert secret not in seat.stack.log()


def test_a_keys_secret_stands_alone_and_lets_a_program_in(seat: Seat, other: Seat) -> None:
    seat.logged_in()

    made = seat(
        *("keys", "create", "nightly", "--scope", "read", "--expires", "90d"),
        *("--requests-per-minute", "100"),
    )
    secret = made.stdout.strip()
    kept = other("login", "--key", "-", stdin=made.stdout)
    who = other.told("whoami")
    by_variable = seat("whoami", FUNLAND_KEY=secret)
    refused = other("projects", "create", "p")
    listed = seat("keys")
    revoked = seat("keys", "revoke", secret[:15])
    after = other("models", "list")

    assert made.returncode == 0, made.stderr
    assert made.stdout == f"{secret}\n"
    assert secret.startswith("fl_")
    assert secret not in made.stderr
    assert "may read; ends: " in made.stderr
    assert "100 requests per minute" in made.stderr
    assert kept.returncode == 0, kept.stderr
    assert who["key"]["name"] == "nightly"
    assert "the variable FUNLAND_KEY" in by_variable.stdout
    assert "hint: To see what you may do: funland whoami" in refused.stderr
    assert "nightly" in listed.stdout
    assert secret not in listed.stdout
    assert revoked.stdout.startswith("Revoked fl_")
    assert after.returncode == 1
    assert "funland login" in after.stderr
    assert "nightly" not in seat("keys").stdout
    assert "revoked" in seat("keys", "list", "--all").stdout
    other("logout")
    assert secret not in other.kept


def test_users_are_added_changed_and_removed(seat: Seat, other: Seat) -> None:
    seat.logged_in()

    added = seat(
        "users", "add", "ada", "--password", "-", "--email", "a@example.com", stdin=PASSWORD
    )
    other.logged_in("ada", PASSWORD)
    own = other("users", "password", "--password", "-", stdin=f"{PASSWORD}\n{PASSWORD}!\n")
    still = other("whoami")
    forbidden = other("users")
    edited = seat("users", "edit", "ADA", "--role", "viewer")
    given = seat("users", "password", "ada", "--password", "-", stdin=PASSWORD)
    ended = other("whoami")
    keyless = seat("users", "add", "builder", "--no-password", "--json")
    listed = seat.told("users")["users"]
    nothing = seat("users", "edit", "ada")
    removed = seat("users", "remove", "ada", json.loads(keyless.stdout)["user_id"])
    gone = seat("users", "remove", "ada")
    last = seat("users", "remove", "admin")

    assert added.stdout.startswith("Added ada, member, as usr_")
    assert own.stdout == "ada has another password.\n"
    assert still.returncode == 0
    assert "scope 'admin'" in forbidden.stderr
    assert edited.stdout == "ada is viewer, active.\n"
    assert given.returncode == 0
    assert ended.returncode == 1
    assert [user["username"] for user in listed] == ["admin", "ada", "builder"]
    assert nothing.returncode == 2
    assert removed.returncode == 0, removed.stderr
    assert gone.returncode == 4
    assert "hint: To see them: funland users" in gone.stderr
    assert "make another admin first" in last.stderr


def test_projects_have_members(seat: Seat, other: Seat) -> None:
    seat.logged_in()
    seat("users", "add", "pat", "--password", "-", stdin=PASSWORD)
    other.logged_in("pat", PASSWORD)

    made = seat("projects", "create", "Bees", "--description", "All of them.")
    project = made.stdout.strip()
    number = str(seat.told("projects", "show", project)["number"])
    hidden = other("projects", "show", project)
    joined = seat("projects", "members", number, "--set", "pat=editor")
    edited = other("projects", "edit", project.removeprefix("prj_")[:8], "--status", "archived")
    shown = other("projects", "show", number)
    listed = other.told("projects", "list", "--status", "archived")["projects"]
    last = seat("projects", "members", project, "--remove", "admin")
    wrong = seat("projects", "members", project, "--set", "pat=king")
    left = seat("projects", "members", project, "--remove", "pat", "--json")
    deleted = seat("projects", "delete", project)

    assert project.startswith("prj_")
    assert hidden.returncode == 4
    assert "`funland projects` shows those that are" in hidden.stderr
    assert "pat" in joined.stdout
    assert edited.stdout == f"Changed {project}, Bees.\n"
    assert "archived" in shown.stdout
    assert [one["name"] for one in listed] == ["Bees"]
    assert "make somebody else an owner first" in last.stderr
    assert wrong.returncode == 2
    assert [one["username"] for one in json.loads(left.stdout)["members"]] == ["admin"]
    assert deleted.stdout == f"Deleted {project}.\n"


def test_what_was_done_is_shown_the_newest_first(seat: Seat) -> None:
    seat.logged_in()
    for _ in range(3):
        seat("projects", "create", "p")
    seat("login", "-u", "nobody", "--password", "-", stdin=PASSWORD)
    call = ("audit", "--call", "ProjectService.CreateProject", "--json")

    made = [json.loads(line) for line in seat(*call, "-n", "0").stdout.splitlines()]
    two = seat(*call, "-n", "2").stdout.splitlines()
    failed = seat("audit", "--failed")
    mine = seat("audit", "--user", "admin", "--call", "AuthService.CreateUser", "--json")

    ids = [event["event_id"] for event in made]
    assert len(ids) >= 3
    assert ids == sorted(ids, reverse=True)
    assert [json.loads(line)["event_id"] for line in two] == ids[:2]
    assert "PASSWORD_WRONG" in failed.stdout
    assert PASSWORD not in failed.stdout
    assert mine.returncode == 0


def test_all_logins_end_with_a_new_signing_key_if_that_is_asked_for(seat: Seat) -> None:
    seat.logged_in()

    rotated = seat("keys", "rotate-signing")
    still = seat("whoami")
    ended = seat("keys", "rotate-signing", "--end-logins", "--json")
    after = seat("whoami")

    assert rotated.stdout.startswith("Tokens are signed with a new key.")
    assert still.returncode == 0
    assert json.loads(ended.stdout) == {"rotated": True, "logins_ended": True}
    assert after.returncode == 1
    assert "Log in again with: funland login" in after.stderr


def test_who_logs_out_of_a_server_that_is_gone_is_told_so(seat: Seat, tmp_path: Path) -> None:
    folder = tmp_path / "config" / "funland"
    folder.mkdir(parents=True)
    login = {"username": "ada", "secret": "a.b.c", "refresh_token": "flr_1"}
    (folder / "logins.json").write_text(json.dumps({"servers": {"127.0.0.1:1": login}}))

    result = seat("logout", "--server", "127.0.0.1:1", XDG_CONFIG_HOME=str(folder.parent))

    assert result.returncode == 3
    assert "It is forgotten here" in result.stderr
    assert json.loads((folder / "logins.json").read_text()) == {"servers": {}}


def test_certificates_that_can_not_be_read_are_wrong_usage(seat: Seat) -> None:
    result = seat("--ca", "/nowhere/ca.pem", "ps")

    assert result.returncode == 2
    assert result.stderr.startswith("error: The certificates in /nowhere/ca.pem can't be read")


NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "lasts"),
    [("12h", timedelta(hours=12)), ("90d", timedelta(days=90)), ("90", timedelta(seconds=90))],
)
def test_a_keys_end_is_a_time_from_now(text: str, lasts: timedelta) -> None:
    assert ending(text, NOW) == NOW + lasts


@pytest.mark.parametrize("text", ["soon", "forever", "0", "-1", "999999d", "1e9d"])
def test_what_is_no_end_is_wrong_usage(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        ending(text, NOW)


def test_a_member_has_a_role() -> None:
    assert with_role("ada=Editor") == ("ada", "editor")
    assert with_role("a=b=owner") == ("a=b", "owner")


@pytest.mark.parametrize("text", ["ada", "ada=", "=owner", "ada=king"])
def test_what_is_no_member_is_wrong_usage(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        with_role(text)
