"""Text that callers make up, in either database."""

from __future__ import annotations

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator


class AnyText(TypeDecorator[str]):
    """Any text. PostgreSQL's has no U+0000, so there it is written as two characters; two texts are
    still equal where they were, and in the same order but for those with such characters."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """As it is written."""
        if value is None or dialect.name != "postgresql":
            return value
        return value.replace("\x01", "\x01\x02").replace("\x00", "\x01\x01")

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """As it was."""
        if value is None or dialect.name != "postgresql":
            return value
        return value.replace("\x01\x01", "\x00").replace("\x01\x02", "\x01")
