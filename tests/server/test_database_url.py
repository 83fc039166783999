"""What passes for the URL of a database, and what is told of it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from funland_server.config import ServerSettings
from funland_server.database_url import checked, told


@pytest.mark.parametrize(
    ("url", "read", "shown"),
    [
        ("postgresql://u:p@h:5432/d", "postgresql://u:p@h:5432/d", "postgresql://h:5432/d"),
        ("postgres://u:p@h/d", "postgresql://u:p@h/d", "postgresql://h/d"),
        ("postgresql+asyncpg://h/d", "postgresql://h/d", "postgresql://h/d"),
        (" postgresql://u:p@h/d\n", "postgresql://u:p@h/d", "postgresql://h/d"),
        ("postgresql://u:p%40%2F@h/d", "postgresql://u:p%40%2F@h/d", "postgresql://h/d"),
        ("postgresql://u:p@x@h/d", "postgresql://u:p@x@h/d", "postgresql://h/d"),
        ("postgresql://[::1]:5432/d", "postgresql://[::1]:5432/d", "postgresql://[::1]:5432/d"),
        ("postgresql://a:1,b:2/d", "postgresql://a:1,b:2/d", "postgresql://a:1,b:2/d"),
        (
            "postgresql://u:p@h/d?sslmode=require&password=q",
            "postgresql://u:p@h/d?sslmode=require&password=q",
            "postgresql://h/d",
        ),
        ("postgresql:///d?host=/run/p", "postgresql:///d?host=/run/p", "postgresql:///d"),
    ],
)
def test_a_url_is_read_and_told_without_its_password(url: str, read: str, shown: str) -> None:
    assert checked(url) == read
    assert told(read) == shown


@pytest.mark.parametrize(
    "url",
    [
        "",
        "funland.sqlite3",
        "sqlite:///secret",
        "mysql://u:secret@h/d",
        "postgresql:secret",
        "postgresql://",
        "postgresql://u:secret@h",
        "postgresql://u:secret@h/",
        "postgresql://u:secret@h:port/d",
        "postgresql://u:secret@h:123456/d",
        "postgresql://u:secret@h:65536/d",
        "postgresql://u:sec/ret@h/d",
        "postgresql://u:sec#ret@h/d",
        "postgresql://u:sec?ret@h/d",
        "postgresql://u:12/secret@h/d",
        "postgresql://u:secret@[h/d",
    ],
)
def test_what_is_no_url_is_refused_without_a_word_of_it(url: str) -> None:
    with pytest.raises(ValidationError) as raised:
        ServerSettings.model_validate({"database_url": url})

    assert "postgresql://USER:PASSWORD@HOST:PORT/NAME" in str(raised.value)
    for part in ("secret", "sec/", "ret@", "12"):
        assert part not in str(raised.value)


def test_settings_do_not_show_it() -> None:
    settings = ServerSettings.model_validate({"database_url": "postgresql://u:hidden@h/d"})

    assert "hidden" not in f"{settings!r} {settings} {settings.model_dump_json()}"
