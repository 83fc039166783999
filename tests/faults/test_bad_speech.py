"""Requests to speak that nobody should make: each is answered or refused, and no worker is lost."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final, cast

import grpc.aio
import pytest

from funland.v1.speech_pb2 import SynthesizeRequest
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.processes import children
from tests.server.conftest import call, details

REQUESTS: Final = 500
REFUSALS: Final = {
    "FIELD_INVALID", "TEXT_UNSPEAKABLE", "SSML_INVALID", "VOICE_NOT_FOUND", "MODEL_NOT_FOUND",
    "MODEL_KIND_WRONG",
}  # fmt: skip
NUMBERS: Final = (
    float("nan"), float("inf"), -float("inf"), -1.0, 0.0, 1e-30, 0.2499, 0.25, 0.5, 1.0, 2.0, 4.0,
    4.0001, 1e30,
)  # fmt: skip
NASTY: Final = (
    "1" * 400, "1," * 60, "$" + "9" * 40, "9" * 20 + "km", "a" * 300, "-" * 200, "'" * 100,
    "[" * 100, "[x](/" + "\u026a" * 20 + "/)", "[x](/zzz/)", "(" * 90 + ")" * 90, "a.b." * 40,
    "\x00\x01\x1b[31m", "\u202e\u2066abc", "e" + "\u0301" * 50, "\u0301\u0301", "1/0 0/0 99/99",
    "99:99:99", "2026-99-99", "$.5 .5 5. ..5", "M" * 40, "Chapter MMMM", "http://" + "a" * 80,
    "#" * 50, "5" * 16 + "th", "1e999 0x" + "F" * 30, "½½½", "²" * 9, "😀", "你好", "\ufffd",
    "\U0010ffff", "A\u0308" * 20, "ﬃ ﷺ", "%s %n {0} ${x}", "\n" * 50, "\t \r\n", "...", "—",
)  # fmt: skip
MARKUP: Final = (
    "<speak>{}</speak>", "<speak><p><s>{}</s></p></speak>", "<speak>{}", "{}</speak>", "<{}/>",
    "<speak><prosody rate='{}'>a</prosody></speak>", "<speak><break time='{}'/></speak>",
    "<speak><say-as interpret-as='characters'>{}</say-as></speak>",
    "<speak><sub alias='{}'>a</sub></speak>", "<!DOCTYPE a [<!ENTITY b '{}'>]><speak>&b;</speak>",
    "<speak><voice name='{}'>a</voice></speak>", "<speak xml:lang='{}'>a</speak>",
    "<speak>" * 40 + "{}", "<speak><![CDATA[{}]]></speak>", "<speak>&#{};</speak>",
)  # fmt: skip


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(ServerSettings(home=tmp_path / "home", port=0))
    await server.start()
    yield server
    await server.stop(0)


def request(chance: random.Random) -> SynthesizeRequest:
    """A request, more or less wrong."""
    made = SynthesizeRequest(text=text(chance))
    if chance.random() < 0.35:
        made.ssml = True
        made.text = chance.choice(MARKUP).format(made.text)[:2000]
    if chance.random() < 0.2:
        made.speed = chance.choice(NUMBERS)
    if chance.random() < 0.2:
        made.pitch = chance.choice(NUMBERS)
    if chance.random() < 0.2:
        made.sample_rate = chance.choice((-1, 0, 7999, 8000, 11025, 44100, 48000, 48001, 2**31 - 1))
    if chance.random() < 0.2:
        made.seed = chance.choice((0, 1, 2**32 - 1))
    made.voice = "hibari:heart"  # whatever its text is in: this torments one worker
    if chance.random() < 0.1:
        made.voice = chance.choice(
            ("heart", "en", "de", "x" * 256, "hibari:", ":heart", "\x00", "../..")
        )
    if chance.random() < 0.1:
        made.model = chance.choice(("hibari", "funland-tiny", "nothing", "\x00", "../hibari"))
    format_ = chance.choice((0, 1, 2, 3, 4, 5, 0, 1, 2, 99, -1))
    made.format = cast("SynthesizeRequest.Format.ValueType", format_)
    return made


def text(chance: random.Random) -> str:
    makers: tuple[Callable[[], str], ...] = (
        lambda: chance.choice(NASTY),
        lambda: " ".join(chance.choices(NASTY, k=2)),
        lambda: "".join(map(chr, chance.choices(range(1, 0x2FF), k=chance.randrange(1, 60)))),
        lambda: "".join(map(chr, chance.choices(range(0xE000, 0x1F000), k=8))),
        lambda: "".join(chance.choices(".,;:!?'\"()[]{}$€%&/\\0123456789aeIXV ", k=40)),
        lambda: "",
    )
    return chance.choice(makers)()


async def test_no_worker_is_lost_by_what_it_is_asked(server: Server) -> None:
    await call(server, "Synthesize", SynthesizeRequest(text="Hello."))
    (worker,) = children()
    chance = random.Random(20261129)  # noqa: S311 - the same requests each time
    spoken, refused = 0, dict[str, int]()

    for _ in range(REQUESTS):
        asked = request(chance)
        try:
            answer = await call(server, "Synthesize", asked)
        except grpc.aio.AioRpcError as error:
            reason = details(error)["ErrorInfo"].reason
            assert reason in REFUSALS, (reason, asked)
            refused[reason] = refused.get(reason, 0) + 1
        else:
            assert answer.audio
            assert answer.duration.ToMilliseconds() > 0, asked
            spoken += 1

    assert children() == [worker], "it is the process that was there at first"
    assert spoken > REQUESTS / 25
    assert {"FIELD_INVALID", "TEXT_UNSPEAKABLE", "SSML_INVALID"} <= refused.keys()
    assert (await call(server, "Synthesize", SynthesizeRequest(text="Hello."))).audio
