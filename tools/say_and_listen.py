"""Says sentences with the installed voices and has them heard by Whisper: `make check-speech`.

Fifty English sentences, of which at most 2% of the words may be wrong, and twenty Mandarin ones, of
which at most 6% of the characters may be, if a voice and a recogniser for it are there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import grpc

from funland.v1.speech_pb2 import ListVoicesRequest, SynthesizeRequest, TranscribeRequest
from funland.v1.speech_pb2_grpc import SpeechServiceStub
from funland_worker.speech.mandarin.numbers import spelled
from tests.worker.hearing.words import edits, words
from tools.bench.services import funland

ENGLISH: Final = """
The rain fell on the old town all night, and nobody slept.
She opened the letter, read it twice, and put it into the fire.
He had never seen so many books in one place before.
Please bring the large green book from the kitchen table.
The train leaves the station early in the morning.
They waited for two hours, but nobody came.
Could you tell me how to get to the library?
It was the best day of the whole summer.
My brother works in a small shop near the river.
We should leave now, or we will be late for dinner.
The children played in the garden until it was dark.
I would like a cup of tea with milk, please.
Nobody knows where the old man came from.
The dog slept under the table while we ate.
Her sister plays the piano every evening.
You can find the answer on the last page.
The window was open, and the wind was cold.
He forgot his umbrella on the bus again.
This road goes straight to the sea.
The teacher wrote a long word on the board.
I have lived in this house for twenty years.
The soup is too hot to eat right now.
Every morning she walks around the lake.
They painted the door in a bright yellow.
The ship crossed the ocean in six days.
Do you remember the name of that song?
His coat was wet, and his shoes were full of water.
The market closes at noon on Saturday.
A black cat sat on the wall and watched us.
She wants to become a doctor one day.
The bridge was built a hundred years ago.
We heard music from the house next door.
The apples on this tree are small but sweet.
He speaks slowly so that everybody understands him.
There is nothing more to say about it.
The mountain was hidden behind the clouds.
Please close the gate when you leave the garden.
The doctor told him to rest for a week.
I can hear you, but I cannot see you.
The museum has a room full of old maps.
Her answer surprised everybody in the room.
The farmer sold his horse and bought a tractor.
We will meet again when spring comes.
The lamp on the desk is broken.
He counted the stars until he fell asleep.
The letter arrived three weeks late.
Some people like winter more than summer.
The boat is too small for all of us.
She laughed when she saw the photograph.
It is easier to begin than to finish.
""".strip().splitlines()
MANDARIN: Final = """
今天天气很好，我们去公园走一走。
我想喝一杯热茶。
他昨天晚上没有回家。
请问火车站怎么走？
这本书非常有意思。
孩子们在花园里玩。
明天早上八点见。
她会说三种语言。
我的朋友住在北京。
这里的苹果又大又甜。
请把窗户关上。
我们等了他两个小时。
老师在黑板上写字。
他每天早上跑步。
这条路通向大海。
我听不懂你说的话。
图书馆在学校的旁边。
她想当一名医生。
春天来了，花都开了。
谢谢你的帮助。
""".strip().splitlines()
_MOST_WRONG: Final = {"en": 0.02, "zh": 0.06}


def parts(text: str, language: str) -> list[str]:
    """What is counted: words, or characters. A number counts as it is said, digits or not."""
    if language == "en":
        return words(text)
    return [letter for letter in spelled(text) if letter.isalnum()]


def heard(stub: Any, text: str, language: str, model: str) -> str:
    """What is understood of a text that is said."""
    said = stub.Synthesize(SynthesizeRequest(text=text, voice=language))
    request = TranscribeRequest(audio=said.audio, language=language, model=model)
    return stub.Transcribe(request).text


def check(stub: Any, sentences: Sequence[str], language: str, model: str, *, verbose: bool) -> bool:
    """Whether few enough is misunderstood."""
    wrong = count = 0
    for text in sentences:
        got = heard(stub, text, language, model)
        expected = parts(text, language)
        mistakes = edits(expected, parts(got, language))
        if mistakes and verbose:
            sys.stdout.write(f"  {text}\n  {got}\n")
        wrong, count = wrong + mistakes, count + len(expected)
    rate, most = wrong / count, _MOST_WRONG[language]
    sys.stdout.write(
        f"{language}: {len(sentences)} sentences, {wrong} of {count} wrong,"
        f" {rate:.1%}, at most {most:.0%}\n"
    )
    return rate <= most


def main() -> int:
    """Says, listens and compares; 1 if too much is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="", help="the recogniser; without: the usual one")
    parser.add_argument("--sentences", type=int, default=50, help="at most so many of a language")
    parser.add_argument("--verbose", action="store_true", help="show what was misunderstood")
    arguments = parser.parse_args()
    most = arguments.sentences
    with (
        tempfile.TemporaryDirectory() as home,
        funland(Path(home)) as service,
        grpc.insecure_channel(service.grpc, (("grpc.max_receive_message_length", -1),)) as channel,
    ):
        stub = SpeechServiceStub(channel)
        known = [("en", ENGLISH), ("zh", MANDARIN)]
        voices = stub.ListVoices(ListVoicesRequest()).voices
        spoken = {voice.language.split("-")[0] for voice in voices}
        good = [
            check(stub, texts[:most], language, arguments.model, verbose=arguments.verbose)
            for language, texts in known
            if language in spoken
        ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
