"""What a failed answer means: tables."""

from __future__ import annotations

import pytest

from funland_server.downloads.fetching.heads import Head, Wanted, read_head
from funland_server.downloads.fetching.ranges import (
    content_range,
    identity_of,
    if_range,
    is_same,
    told_git_sha1,
    told_sha256,
)
from funland_server.downloads.fetching.verdicts import (
    Circumstances,
    Kind,
    Patience,
    Verdict,
    backoff,
    judge,
)
from funland_server.downloads.files.journal import Identity

V, K = Verdict, Kind

TABLE: list[tuple[Kind, Circumstances, Verdict]] = [
    (K.BROKEN_OFF, Circumstances(progressed=True), V.AGAIN),
    (K.BROKEN_OFF, Circumstances(), V.WAIT),
    *[(K.STATUS, Circumstances(status=status), V.WAIT)
      for status in (408, 425, 429, 500, 502, 503, 504, 507, 520, 599)],
    *[(K.STATUS, Circumstances(status=status), V.OTHER_ROUTE)
      for status in (204, 400, 401, 403, 404, 410, 451)],
    *[(K.STATUS, Circumstances(status=status, remembered=True), V.NEW_URL)
      for status in (400, 401, 403, 404, 410)],
    (K.STATUS, Circumstances(status=503, remembered=True), V.WAIT),
    (K.NO_RANGE, Circumstances(), V.ONE_CONNECTION),
    (K.NO_RANGE, Circumstances(had_ranges=True), V.WAIT),
    (K.NO_RANGE, Circumstances(had_ranges=True, whole_answers=3), V.ONE_CONNECTION),
    (K.WRONG_RANGE, Circumstances(), V.WAIT),
    (K.WRONG_RANGE, Circumstances(strikes=2), V.OTHER_ROUTE),
    (K.WRONG_SIZE, Circumstances(strikes=2), V.OTHER_ROUTE),
    (K.ENCODED, Circumstances(strikes=2), V.OTHER_ROUTE),
    (K.NO_HTTP, Circumstances(strikes=1), V.WAIT),
    (K.NO_HTTP, Circumstances(strikes=2), V.OTHER_ROUTE),
    (K.BEYOND_END, Circumstances(), V.START_OVER),
    (K.CHANGED, Circumstances(changes=2), V.START_OVER),
    (K.CHANGED, Circumstances(changes=3), V.OTHER_ROUTE),
    (K.CHANGED, Circumstances(changes=3, verifiable=True), V.START_OVER),
    (K.CHANGED, Circumstances(changes=6, verifiable=True), V.OTHER_ROUTE),
    (K.NOT_ALLOWED, Circumstances(), V.OTHER_ROUTE),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "how", "verdict"), TABLE)
def test_the_verdict_on_a_failed_request(kind: Kind, how: Circumstances, verdict: Verdict) -> None:
    assert judge(kind, how) is verdict


def test_waits_double_up_to_a_minute_and_are_parted_by_chance() -> None:
    assert [backoff(tries, 1, 1) for tries in (1, 2, 3, 7, 8, 10**6)] == [1, 2, 4, 60, 60, 60]
    assert backoff(3, 1, 0) == 2


def test_patience_ends_by_tries_or_by_time_and_any_byte_refills_it() -> None:
    patience = Patience(tries_limit=3, seconds_limit=100)
    assert [patience.failed(now) for now in (0, 1)] == [False, False]
    patience.received()
    assert [patience.failed(now) for now in (2, 3, 4)] == [False, False, True]

    patient = Patience(tries_limit=100, seconds_limit=100)
    assert [patient.failed(now) for now in (0, 99, 100)] == [False, False, True]

    obedient = Patience(tries_limit=100, seconds_limit=100)
    assert not obedient.failed(0)
    obedient.asked_to_wait(until=3600)
    assert [obedient.failed(now) for now in (3600, 3699, 3700)] == [False, False, True]


BOUND = Identity(100, '"a"', "Mon", "r")
PART = Wanted(10, 20, "r", 100, BOUND)


def headers(**named: str) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in named.items()}


@pytest.mark.parametrize(
    ("status", "given", "wanted", "expected"),
    [
        (206, headers(Content_Range="bytes 10-19/100", ETag='"a"'), PART, (10, 20, True)),
        (206, headers(Content_Range="bytes 10-14/100"), PART, (10, 15, True)),
        (206, headers(Content_Range="bytes 10-19/*"), PART, (10, 20, True)),
        (206, headers(Content_Range="bytes 11-19/100"), PART, K.WRONG_RANGE),
        (206, headers(Content_Range="bytes 10-20/100"), PART, K.WRONG_RANGE),
        (206, headers(Content_Range="bytes 10-19"), PART, K.WRONG_RANGE),
        (206, headers(Content_Range="bytes 19-10/100"), PART, K.WRONG_RANGE),
        (206, headers(Content_Range="items 10-19/100"), PART, K.WRONG_RANGE),
        (206, headers(Content_Type="multipart/byteranges"), PART, K.WRONG_RANGE),
        (206, headers(Content_Range="bytes 10-19/101"), PART, K.CHANGED),
        (206, headers(Content_Range="bytes 10-19/100", ETag='"b"'), PART, K.CHANGED),
        (
            206,
            headers(Content_Range="bytes 10-19/99"),
            Wanted(10, 20, "r", 100, None),
            K.WRONG_SIZE,
        ),
        (
            206,
            headers(Content_Range="bytes 10-19/*"),
            Wanted(10, 20, "r", None, None),
            K.WRONG_RANGE,
        ),
        (206, headers(Content_Range="bytes 0-9/10"), Wanted(0, None, "r", 10, None), K.WRONG_RANGE),
        (206, headers(Content_Range="bytes 10-19/100", Content_Encoding="gzip"), PART, K.ENCODED),
        (200, headers(Content_Length="100", ETag='"a"'), PART, K.NO_RANGE),
        (200, headers(Content_Length="100", ETag='"b"'), PART, K.CHANGED),
        (200, headers(Content_Length="90", ETag='"a"'), PART, K.CHANGED),
        (200, headers(Content_Length="90"), Wanted(0, 20, "r", 100, None), K.WRONG_SIZE),
        (200, headers(Content_Length="100"), Wanted(0, 20, "r", 100, None), (0, 100, False)),
        (200, headers(), Wanted(0, None, "r", 100, None), (0, 100, False)),
        (200, headers(), Wanted(0, None, "r", None, None), (0, None, False)),
        (200, headers(Content_Length="x"), Wanted(0, None, "r", None, None), (0, None, False)),
        (200, headers(Content_Encoding="br"), Wanted(0, None, "r", None, None), K.ENCODED),
        (416, headers(Content_Range="bytes */5"), PART, K.BEYOND_END),
        (204, headers(), PART, K.STATUS),
        (404, headers(Content_Encoding="gzip"), PART, K.STATUS),
    ],
)
def test_heads_that_fit_and_heads_that_do_not(
    status: int,
    given: dict[str, str],
    wanted: Wanted,
    expected: Kind | tuple[int, int | None, bool],
) -> None:
    head = read_head(status, given, wanted)

    if isinstance(expected, Kind):
        assert head is expected
    else:
        assert isinstance(head, Head)
        assert (head.start, head.end, head.ranged) == expected


def test_tags_that_only_one_answer_has_do_not_tell_two_versions() -> None:
    one = identity_of({"ETag": '"a"', "Last-Modified": "Mon"}, 5, "r")

    assert is_same(one, identity_of({}, 5, "r"))
    assert is_same(one, identity_of({"ETag": '"a"', "Last-Modified": "Tue"}, 5, "r"))
    assert not is_same(one, identity_of({"Last-Modified": "Tue"}, 5, "r"))
    assert not is_same(one, identity_of({"ETag": '"b"', "Last-Modified": "Mon"}, 5, "r"))
    assert not is_same(one, identity_of({"ETag": '"a"'}, 6, "r"))


def test_only_a_strong_tag_or_a_time_is_a_condition() -> None:
    assert if_range(Identity(5, '"a"', "Mon")) == '"a"'
    assert if_range(Identity(5, 'W/"a"', "Mon")) == "Mon"
    assert if_range(Identity(5, "a", "")) is None
    assert identity_of({"ETag": '"' + "x" * 1000 + '"'}, 5, "r").etag == ""


def test_hashes_that_headers_tell() -> None:
    sha256, sha1 = "Ab" * 32, "cd" * 20

    assert told_sha256([{}, {"X-Linked-ETag": f'"{sha256}"'}]) == sha256.lower()
    assert told_sha256([{"X-Linked-ETag": f'"{sha1}"'}, {"ETag": f'"{sha256}"'}]) == ""
    assert told_git_sha1([{"X-Repo-Commit": "1", "ETag": f'W/"{sha1}"'}]) == sha1
    assert told_git_sha1([{"ETag": f'"{sha1}"'}]) == ""


@pytest.mark.parametrize(
    "text",
    ["bytes 0-0/1", "bytes 5-9/*"],
)
def test_ranges_that_are_some(text: str) -> None:
    assert content_range({"Content-Range": text}) is not None


@pytest.mark.parametrize(
    "text", ["", "bytes */5", "bytes 5-4/9", "bytes 0-9/9", "bytes -1-5/9", "bytes 0-" + "9" * 30]
)
def test_ranges_that_are_none(text: str) -> None:
    assert content_range({"Content-Range": text}) is None
