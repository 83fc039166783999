"""The token of a search's page goes on with that search and no other."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest

from funland.v1.hub_pb2 import SearchHubModelsRequest
from funland.v1.models_pb2 import Origin
from funland_server.errors import FieldInvalidError
from funland_server.hub.clients.huggingface_answers import LONGEST_CURSOR
from funland_server.hub.search.pages import Place, Progress, progress_of, token_of

REQUEST = SearchHubModelsRequest(query="qwen", hub=Origin.HUGGINGFACE)
PROGRESS = Progress(
    20, {Origin.HUGGINGFACE: Place("cursor", 7), Origin.OLLAMA: Place("", 3, local=True)}
)


def followed(token: str, **changed: object) -> SearchHubModelsRequest:
    request = SearchHubModelsRequest()
    request.CopyFrom(REQUEST)
    request.MergeFrom(SearchHubModelsRequest(page_token=token, **changed))  # pyright: ignore[reportArgumentType] - fields by name
    return request


def test_a_token_tells_how_far_each_hub_was_read() -> None:
    assert progress_of(followed(token_of(PROGRESS, REQUEST))) == PROGRESS


def test_the_size_of_pages_may_change_between_them() -> None:
    assert progress_of(followed(token_of(PROGRESS, REQUEST), page_size=5)) == PROGRESS


def test_a_search_at_its_end_has_no_token() -> None:
    assert token_of(Progress(20, {}), REQUEST) == ""


def test_the_longest_cursors_fit_into_a_token() -> None:
    places = {
        Origin.MODELSCOPE: Place("3000", 100),
        Origin.HUGGINGFACE: Place("c" * LONGEST_CURSOR, 100),
        Origin.OLLAMA: Place("", 10_000, local=True),
    }

    assert len(token_of(Progress(100, places), REQUEST)) <= 1024


def _told(told: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(told)).decode().rstrip("=")


DIGEST = orjson.loads(base64.urlsafe_b64decode(token_of(PROGRESS, REQUEST) + "=="))[0]


@pytest.mark.parametrize(
    "token",
    [
        "x", "====", "\u00e4", _told(None), _told([]), _told({}), _told([DIGEST]),
        _told(["other", 20, {"2": ["", 0, False]}]), _told([DIGEST, 0, {"2": ["", 0, False]}]),
        _told([DIGEST, 101, {"2": ["", 0, False]}]), _told([DIGEST, "20", {"2": ["", 0, False]}]),
        _told([DIGEST, 20, {}]), _told([DIGEST, 20, []]),
        _told([DIGEST, 20, {"x": ["", 0, False]}]),
        _told([DIGEST, 20, {"2": ["", -1, False]}]), _told([DIGEST, 20, {"2": ["", 10**9, False]}]),
        _told([DIGEST, 20, {"2": [7, 0, False]}]), _told([DIGEST, 20, {"2": ["", 0, 1]}]),
        _told([DIGEST, 20, {"2": ["", True, False]}]), _told([DIGEST, 20, {"2": ["", 0]}]),
    ],
)  # fmt: skip
def test_other_tokens_are_refused(token: str) -> None:
    with pytest.raises(FieldInvalidError) as raised:
        progress_of(followed(token))

    assert raised.value.violations[0].field == "page_token"


def test_the_token_of_another_search_is_refused() -> None:
    with pytest.raises(FieldInvalidError):
        progress_of(followed(token_of(PROGRESS, REQUEST), owner="somebody"))
