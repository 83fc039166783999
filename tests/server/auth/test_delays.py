"""Wrong passwords make who tries them wait, and nobody else."""

from __future__ import annotations

import pytest

from funland_server.auth.delays import (
    FREE_OF_ADDRESS,
    FREE_TRIES,
    LONGEST,
    Delays,
    pause,
    place_of,
)


@pytest.mark.parametrize(
    ("count", "seconds"),
    [(0, 0), (4, 0), (5, 1), (6, 2), (7, 4), (12, 128), (13, 256), (14, LONGEST), (1e9, LONGEST)],
)
def test_each_wrong_one_that_is_not_free_doubles_the_wait(count: float, seconds: float) -> None:
    assert pause(count, FREE_TRIES) == seconds


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_who_has_an_address_of_ipv6_has_its_network(address: str, place: str) -> None:
    assert place_of(address) == place


def after(tries: int, username: str = "anna", address: str = "192.0.2.7") -> Delays:
    delays = Delays()
    for _ in range(tries):
        delays.failed(username, address, 100.0)
    return delays


def test_a_name_from_an_address_waits_after_the_free_tries() -> None:
    assert after(FREE_TRIES - 1).wait("anna", "192.0.2.7", 100.0) == 0
    assert after(FREE_TRIES).wait("anna", "192.0.2.7", 100.0) == 1
    assert after(FREE_TRIES).wait("anna", "192.0.2.7", 101.0) == 0
    assert after(FREE_TRIES + 3).wait("anna", "192.0.2.7", 101.0) == 7


def test_the_same_name_from_elsewhere_does_not_wait() -> None:
    tried = after(1000)

    assert tried.wait("anna", "192.0.2.7", 100.0) == LONGEST
    assert tried.wait("anna", "198.51.100.1", 100.0) == 0


def test_other_names_from_the_address_wait_after_more_tries() -> None:
    assert after(FREE_OF_ADDRESS - 1).wait("otto", "192.0.2.7", 100.0) == 0
    assert after(FREE_OF_ADDRESS).wait("otto", "192.0.2.7", 100.0) == 1


def test_many_names_from_one_network_are_one_who_tries() -> None:
    delays = Delays()
    for number in range(FREE_OF_ADDRESS):
        delays.failed(f"user{number}", f"2001:db8::{number:x}", 100.0)

    assert delays.wait("anna", "2001:db8::ffff", 100.0) == 1
    assert delays.wait("anna", "2001:db8:0:1::1", 100.0) == 0


def test_the_right_one_counts_for_nothing() -> None:
    delays = Delays()
    for _ in range(10 * FREE_OF_ADDRESS):
        assert delays.wait("anna", "192.0.2.7", 100.0) == 0
        delays.failed("anna", "192.0.2.7", 100.0)
        delays.succeeded("anna", "192.0.2.7")


def test_ones_own_right_password_does_not_make_up_for_others() -> None:
    tried = after(FREE_OF_ADDRESS, "otto")

    tried.failed("anna", "192.0.2.7", 200.0)
    tried.succeeded("anna", "192.0.2.7")

    assert tried.wait("fritz", "192.0.2.7", 100.0) > 0


def test_an_address_that_many_share_is_forgiven_one_a_minute() -> None:
    tried = after(FREE_OF_ADDRESS + 2)

    tried.failed("otto", "192.0.2.7", 100.0 + 3 * 60)  # three are gone, one has come

    assert tried.wait("otto", "192.0.2.7", 100.0 + 3 * 60) == 1


def test_after_a_quarter_of_an_hour_nothing_counts() -> None:
    assert after(FREE_TRIES + 50).wait("anna", "192.0.2.7", 1001.0) == 0


def test_what_is_remembered_has_an_end() -> None:
    delays = Delays()
    for number in range(30_000):
        delays.failed(f"user{number}", "192.0.2.7", 100.0)

    assert len(delays._wrong) == 10_000  # pyright: ignore[reportPrivateUsage] - its size is what is tested
    assert delays.wait("anna", "192.0.2.7", 100.0) == LONGEST
