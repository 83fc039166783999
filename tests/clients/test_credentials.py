"""What is sent of who calls, where it may be sent, and where it is kept."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from funland.v1.auth_pb2 import Token
from funland_client import AsyncFunland, Funland
from funland_client.channel import is_loopback
from funland_client.credentials import KEY_VARIABLE, Credentials, Origin, checked, chosen
from funland_client.errors import (
    CredentialsInvalidError,
    FunlandError,
    KeyUnsafeError,
    LoginsUnreadableError,
)
from funland_client.kept_logins import KeptLogin, KeptLogins

PLACE = "127.0.0.1:50051"
SECRET = "fl_of-which-nobody-may-read"  # noqa: S105 - a key that is none
KEPT = KeptLogin("ada", "a.b.c", "flr_1")


@pytest.mark.parametrize(
    ("key", "variable", "kept", "origin", "sent"),
    [
        ("fl_1", "fl_2", KEPT, Origin.ARGUMENT, "fl_1"),
        (" fl_1\n", None, None, Origin.ARGUMENT, "fl_1"),
        ("", "fl_2", KEPT, Origin.ARGUMENT, None),
        (None, "fl_2", KEPT, Origin.VARIABLE, "fl_2"),
        (None, " fl_2\n", KEPT, Origin.VARIABLE, "fl_2"),
        (None, "", KEPT, Origin.LOGIN, "a.b.c"),
        (None, "  ", None, Origin.NOWHERE, None),
        (None, None, KEPT, Origin.LOGIN, "a.b.c"),
        (None, None, None, Origin.NOWHERE, None),
    ],
)
def test_a_key_goes_before_the_variable_and_that_before_a_login(
    key: str | None, variable: str | None, kept: KeptLogin | None, origin: Origin, sent: str | None
) -> None:
    found, login = chosen(key, variable, lambda: kept)

    assert found is origin
    assert (login.secret if login else None) == sent


@pytest.mark.parametrize("bad", [f"{SECRET}\nx-evil: 1", f"{SECRET} b", f"{SECRET}ü", "\x7f"])
def test_what_can_be_no_key_is_refused_and_not_told(bad: str) -> None:
    with pytest.raises(CredentialsInvalidError) as raised:
        checked(bad)

    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("place", "loopback"),
    [
        *((place, True) for place in ("localhost:1", "LocalHost:1", "127.0.0.1:1", "127.8.8.8:1")),
        *((place, True) for place in ("[::1]:1", "[::1]", "127.0.0.1", "unix:/run/funland.sock")),
        *((place, False) for place in ("10.0.0.1:1", "box:1", "127.0.0.1.example:1", "0.0.0.0:1")),
        *((place, False) for place in ("[2001:db8::1]:1", "localhost.example:1", "127.1:1")),
        *((place, False) for place in ("", "::1", "user@127.0.0.1:1", "ipv4:127.0.0.1:1")),
    ],
)  # fmt: skip
def test_only_what_stays_here_is_loopback(place: str, loopback: bool) -> None:
    assert is_loopback(place) is loopback


@pytest.mark.parametrize("address", ["box.example:50051", "10.0.0.7:50051"])
def test_no_key_leaves_the_machine_unencrypted(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyUnsafeError, match=f"grpcs://{address}") as raised:
        Funland(address, key=SECRET)
    assert SECRET not in str(raised.value)
    with pytest.raises(KeyUnsafeError):
        AsyncFunland(address, key=SECRET)

    with Funland(address) as client:
        with pytest.raises(KeyUnsafeError):
            client.auth.login("ada", "her password")
        with pytest.raises(KeyUnsafeError):
            client.auth.login_with_key(SECRET)
    with Funland(f"grpcs://{address}", key=SECRET):
        pass
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    with pytest.raises(KeyUnsafeError):
        Funland(address)
    with Funland(address, key=""):
        pass


def test_a_login_is_kept_for_its_user_alone(tmp_path: Path) -> None:
    logins = KeptLogins(tmp_path / "config" / "funland" / "logins.json")

    with logins.locked():
        logins.put("Box.example:1", KEPT)
        logins.put(PLACE, KeptLogin("bob", SECRET))

    assert logins.get("box.example:1") == KEPT
    assert stat.S_IMODE(logins.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(logins.path.parent.stat().st_mode) == 0o700
    assert sorted(path.name for path in logins.path.parent.iterdir()) == [
        "logins.json",
        "logins.lock",
    ]
    with logins.locked():
        logins.remove(PLACE)
    assert logins.get(PLACE) is None
    assert logins.get("box.example:1") == KEPT


def test_a_write_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logins = KeptLogins(tmp_path / "logins.json")
    with logins.locked():
        logins.put(PLACE, KEPT)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with logins.locked(), pytest.raises(LoginsUnreadableError, match="No space left"):
        logins.put(PLACE, KeptLogin("bob", SECRET))

    assert logins.get(PLACE) == KEPT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logins.json", "logins.lock"]


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"servers": {"a": "' + SECRET + '"}}', '{"servers": {"a": {}}}', "\udcff"],
)
def test_a_file_that_is_none_is_named_and_not_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "logins.json"
    path.write_bytes(text.encode(errors="surrogateescape"))

    with pytest.raises(LoginsUnreadableError, match=r"logins\.json") as raised:
        KeptLogins(path).get(PLACE)

    assert SECRET not in str(raised.value)


def test_nothing_that_is_shown_has_a_secret() -> None:
    login = KeptLogin("ada", SECRET, SECRET)

    assert SECRET not in repr(login)
    assert SECRET not in str([login])


class Refreshes:
    """Gives the next token of a login, as a server does."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, refresh_token: str) -> Token:
        self.asked.append(refresh_token)
        number = len(self.asked) + 1
        return Token(access_token=f"token-{number}", refresh_token=f"flr_{number}")


def credentials(logins: KeptLogins, refresh: Refreshes) -> Credentials:
    return Credentials(None, PLACE, encrypted=False, refresh=refresh, logins=logins)


def test_what_another_process_has_made_new_is_taken(tmp_path: Path) -> None:
    logins, refresh = KeptLogins(tmp_path / "logins.json"), Refreshes()
    with logins.locked():
        logins.put(PLACE, KEPT)
    one, other = credentials(logins, refresh), credentials(logins, refresh)
    refused = one.metadata

    assert one.renew(refused)
    assert one.renew(refused)
    assert other.renew(refused)

    assert refresh.asked == ["flr_1"]
    assert one.metadata == other.metadata == (("authorization", "Bearer token-2"),)
    assert logins.get(PLACE) == KeptLogin("ada", "token-2", "flr_2")


def test_a_client_stays_who_it_is_when_somebody_else_logs_in(tmp_path: Path) -> None:
    logins, refresh = KeptLogins(tmp_path / "logins.json"), Refreshes()
    with logins.locked():
        logins.put(PLACE, KEPT)
    adas = credentials(logins, refresh)
    bobs = KeptLogin("bob", "d.e.f", "flr_b")
    with logins.locked():
        logins.put(PLACE, bobs)

    assert adas.renew(adas.metadata)

    assert adas.metadata == (("authorization", "Bearer token-2"),)
    assert logins.get(PLACE) == bobs


def test_a_key_is_not_made_new(tmp_path: Path) -> None:
    refresh = Refreshes()
    keys = Credentials(
        SECRET, PLACE, encrypted=False, refresh=refresh, logins=KeptLogins(tmp_path / "l.json")
    )

    assert not keys.renew(keys.metadata)
    assert refresh.asked == []


def test_a_login_that_is_over_is_asked_for_once(tmp_path: Path) -> None:
    logins = KeptLogins(tmp_path / "logins.json")
    with logins.locked():
        logins.put(PLACE, KEPT)
    asked: list[str] = []

    def over(refresh_token: str) -> Token:
        asked.append(refresh_token)
        raise CredentialsInvalidError("Log in again.")

    client = Credentials(None, PLACE, encrypted=False, refresh=over, logins=logins)
    for _ in range(2):
        with pytest.raises(FunlandError, match="Log in again"):
            client.renew(client.metadata)

    assert asked == ["flr_1"]
    assert logins.get(PLACE) == KEPT


RENEW = """
import json, sys
from pathlib import Path
from funland.v1.auth_pb2 import Token
from funland_client.credentials import Credentials
from funland_client.kept_logins import KeptLogins

folder = Path(sys.argv[1])

def refresh(token):
    # The server's side: each token counts once.
    used = folder / token
    used.touch(exist_ok=False)
    number = int(token.removeprefix("flr_")) + 1
    return Token(access_token=f"token-{number}", refresh_token=f"flr_{number}")

logins = KeptLogins(folder / "logins.json")
client = Credentials(None, "127.0.0.1:50051", encrypted=False, refresh=refresh, logins=logins)
for _ in range(20):
    client.renew(client.metadata)
"""


def test_processes_that_refresh_at_once_use_no_token_twice(tmp_path: Path) -> None:
    logins = KeptLogins(tmp_path / "logins.json")
    with logins.locked():
        logins.put(PLACE, KEPT)

    processes = [
        subprocess.Popen([sys.executable, "-c", RENEW, str(tmp_path)], stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    ends = [process.communicate(timeout=60)[1] for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0], ends
    kept = json.loads(logins.path.read_text("utf-8"))["servers"][PLACE]
    used = len(list(tmp_path.glob("flr_*")))
    assert kept["refresh_token"] == f"flr_{used + 1}"
    assert used >= 20
