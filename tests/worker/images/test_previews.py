"""What is kept of a picture, and when it is decoded."""

from __future__ import annotations

from typing import Any

from funland.v1.images_pb2 import Image
from funland_worker.images.pace import Pace
from funland_worker.images.previews import Previews


class Bytes:
    """Latents are numbers, and previews have them."""

    seconds = 1.0

    def kept(self, latent: Any) -> Any:
        return latent

    def decoded(self, latent: Any) -> Image:
        return Image(data=bytes([latent]))


def previews(*due: int, promised: bool = True, room: bool = True) -> Previews:
    return Previews(due, Bytes(), promised=promised, room=lambda: room)


def shown(made: Previews, done: int, pace: Pace) -> int | None:
    image = made.after(done, done, pace)
    return None if image is None else image.data[0]


def rest(made: Previews) -> list[int]:
    return [image.data[0] for image in made.rest()]


PLENTY = Pace(99, awaited=True, step_s=1.0, fastest_s=1.0)
HURRY = Pace(1, awaited=True, step_s=1.0, fastest_s=1.0)


def test_each_is_shown_at_its_step_if_there_is_time() -> None:
    made = previews(2, 4)

    assert [shown(made, done, PLENTY) for done in range(1, 6)] == [None, 2, None, 4, None]
    assert rest(made) == []


def test_what_there_is_no_time_for_is_kept_and_shown_in_its_order() -> None:
    made = previews(1, 2, 3)

    assert shown(made, 1, HURRY) is None
    assert shown(made, 2, HURRY) is None
    assert shown(made, 3, Pace(1, step_s=1.0)) == 1
    assert rest(made) == [2, 3]
    assert rest(made) == []


def test_a_step_that_was_not_told_is_shown_at_the_next() -> None:
    made = previews(1, 2, 6)

    assert [shown(made, done, PLENTY) for done in (3, 4, 7)] == [3, None, 7]


def test_what_nobody_has_read_makes_no_more() -> None:
    made = previews(1, 2, room=False)

    assert shown(made, 1, PLENTY) is None
    assert shown(made, 2, HURRY) is None
    assert rest(made) == []


def test_those_are_awaited_that_are_promised_and_still_to_come() -> None:
    made = previews(2, 4)
    asked = [made.awaited(done) for done in (1, 2, 3, 4, 5)]
    _ = [shown(made, done, PLENTY) for done in range(1, 5)]

    assert asked == [True, True, True, False, False]
    assert not made.awaited(1)
    assert not previews(2, 4, promised=False).awaited(1)


def test_those_are_lost_that_are_promised_and_were_not_told() -> None:
    made = previews(2, 4)
    unpromised = previews(2, promised=False)

    assert made.lost
    made.keep(1, 1)
    made.keep(2, 2)
    assert made.lost
    made.keep(4, 4)
    assert not made.lost
    assert rest(made) == [2, 4]
    assert not unpromised.lost
