"""The service that the clients of all languages call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.clients.languages import scenario
from tests.conftest import running
from tests.page.conftest import browser, spoken

if TYPE_CHECKING:
    from tests.conftest import Stack

__all__ = ["browser", "crowded", "spoken"]


@pytest.fixture(scope="session")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service with room for one call and one that waits."""
    with running(tmp_path_factory.mktemp("funland"), **scenario.server()) as stack:
        yield stack
