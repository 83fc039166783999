"""Traces are the same bytes each time, and what they bring is read and judged rightly."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from funland_cli.bench_statistics import Percentiles
from tests.conftest import Stack
from tools.bench.workloads.__main__ import main
from tools.bench.workloads.answers import pieces, read
from tools.bench.workloads.comparing import Likeness, likeness
from tools.bench.workloads.description import TRACES, Workload, names, scaled
from tools.bench.workloads.description import read as described
from tools.bench.workloads.measures import Figures, Taken, Waits, measured
from tools.bench.workloads.plot import svg
from tools.bench.workloads.replaying import Record
from tools.bench.workloads.report import Cell, ratios, text
from tools.bench.workloads.servers import LlamaServer, load_settings
from tools.bench.workloads.trace import EMBEDDINGS, Conversation, digest, trace

VOCABULARY = 2048
SIX = ["agent", "assistants", "beside", "crowd", "documents", "extract"]


def named(name: str) -> Workload:
    return described(TRACES / f"{name}.toml")


def made(name: str, scale: float = 0.1) -> list[Conversation]:
    return trace(scaled(named(name), scale), VOCABULARY, ["one", "other"])


def bodies(conversation: Conversation) -> list[Any]:
    return [json.loads(call.body) for call in conversation.calls]


def said(body: Any) -> list[str]:
    return [message["content"] for message in body["messages"]]


def test_the_six_workloads_are_described() -> None:
    assert names() == SIX
    for name in SIX:
        assert named(name).title


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ('title = "a"\n', "groups"),
        ("thing = 1\n", "thing"),
        ('[[groups]]\nname = "a"\ncount = 0\nmessage = 5\n', "count"),
        ('[[groups]]\nname = "a"\ncount = 1\nmessage = [5]\n', "message"),
        ('[[groups]]\nname = "a"\ncount = 1\nmessage = 5\nlength = 3\n', "length"),
    ],
)
def test_a_description_that_is_wrong_says_where(wrong: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(wrong)

    with pytest.raises(ValueError, match=says):
        described(path)


@pytest.mark.parametrize("name", SIX)
def test_a_trace_is_the_same_bytes_each_time_and_others_with_another_seed(name: str) -> None:
    workload = scaled(named(name), 0.05)

    first, again = (trace(workload, VOCABULARY, ["one", "other"]) for _ in range(2))
    other = trace(workload.model_copy(update={"seed": 99}), VOCABULARY, ["one", "other"])

    assert digest(first) == digest(again) != digest(other)
    assert [one.at for one in first] == sorted(one.at for one in first)


def test_a_short_version_has_less_of_lengths_or_of_conversations() -> None:
    lengths = scaled(named("assistants"), 0.1).groups[0]
    count = scaled(named("extract"), 0.1).groups[0]

    assert (lengths.count, lengths.turns, lengths.system, lengths.answer) == (8, 5, 40, 6)
    assert (lengths.message, lengths.pause) == ((3, 9), (0.1, 0.4))
    assert scaled(named("agent"), 0.1).groups[0].answer == 128
    assert (count.count, count.system, count.message) == (20, 100, (30, 90))


def test_chats_send_all_that_was_said_before_and_share_their_system_message() -> None:
    conversations = made("assistants")

    assert len({said(bodies(one)[0])[0] for one in conversations}) == 1
    assert len({said(bodies(one)[0])[1] for one in conversations}) == 8
    for conversation in conversations:
        asked = bodies(conversation)
        assert [len(body["messages"]) for body in asked] == [2, 4, 6, 8, 10]
        for earlier, later in pairwise(asked):
            assert later["messages"][: len(earlier["messages"])] == earlier["messages"]


def test_agents_step_back_and_write_anew_what_was_last() -> None:
    for conversation in made("agent"):
        asked = bodies(conversation)
        assert [len(body["messages"]) for body in asked] == [2 * turn + 2 for turn in range(12)]
        kept = [
            sum(a == b for a, b in zip(said(earlier), said(later), strict=False))
            - len(said(earlier))
            for earlier, later in pairwise(asked)
        ]
        assert kept == [0, 0, 0, 0, -3, 0, 0, 0, 0, -3, 0]


@pytest.mark.parametrize("name", ["agent", "extract"])
def test_earlier_answers_follow_the_schema(name: str) -> None:
    schema = named(name).groups[0].answer_schema
    assert schema is not None
    for conversation in made(name):
        for body in bodies(conversation):
            assert body["response_format"]["json_schema"]["schema"] == schema
            for message in body["messages"]:
                if message["role"] == "assistant":
                    jsonschema.validate(json.loads(message["content"]), schema)


def test_documents_stand_before_the_question_and_behind_it() -> None:
    parts = [said(bodies(one)[0])[0].split("\n\n") for one in made("documents")]

    assert len({max(pair, key=len) for pair in parts}) == 6
    assert [len(first) > len(second) for first, second in parts] == [*[True] * 6, *[False] * 6] * 2


def test_each_third_of_the_crowd_leaves_and_vectors_are_wanted_beside() -> None:
    conversations = made("crowd", 1)

    chats = [one for one in conversations if one.group == "chats"]
    assert [one.number % 3 == 2 for one in chats] == [one.calls[0].leaves > 0 for one in chats]
    assert {body["model"] for one in chats for body in bodies(one)} == {"one", "other"}
    vectors = [one.calls[0] for one in conversations if one.group == "embeddings"]
    assert {call.path for call in vectors} == {EMBEDDINGS}
    assert all(one.at < 30 for one in conversations)


STREAM = (
    (1.0, b': waiting\n\ndata: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'),
    (2.0, b'data: {"choices":[{"delta":{"content":"ba"}}]}\n\ndata: {"choices":[{"del'),
    (3.0, b'ta":{"content":" dasi"},"finish_reason":"length"}]}\n\n'),
    (4.0, b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,'
          b'"prompt_tokens_details":{"cached_tokens":4}},"timings":{"draft_n":3}}\n\n'),
    (4.0, b"data: [DONE]\n\n"),
)  # fmt: skip


def test_a_stream_is_read_as_its_pieces_came() -> None:
    answer = read(STREAM)

    assert (answer.text, answer.arrivals, answer.finish) == ("ba dasi", [2.0, 3.0], "length")
    assert (answer.prompt_tokens, answer.cached_tokens) == (9, 4)
    assert (answer.made_tokens, answer.drafted_tokens) == (2, 3)
    assert [pieces(data) for _, data in STREAM] == [0, 1, 1, 0, 0]


@pytest.mark.parametrize(
    ("chunks", "text", "finish", "problem"),
    [
        ([(1.0, b'{"object":"list","data":[],'), (2.0, b'"usage":{"prompt_tokens":3}}')],
         "", "stop", ""),
        ([(1.0, b'{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}')],
         "a", "stop", ""),
        ([(1.0, b'data: {"error":{"message":"too much"}}\n\n')], "", "", "{'message': 'too much'}"),
        ([], "", "", ""),
    ],
)  # fmt: skip
def test_what_is_no_stream_is_read_whole(
    chunks: Sequence[tuple[float, bytes]], text: str, finish: str, problem: str
) -> None:
    answer = read(chunks)

    assert (answer.text, answer.finish, answer.problem) == (text, finish, problem)
    assert answer.arrivals == ([chunks[-1][0]] if finish else [])


def test_figures_are_of_whole_answers_and_of_all_the_time() -> None:
    records = [
        Record("chats", 0, 0, 0.5, 200, list(STREAM), 4.5),
        Record("chats", 1, 0, 0.0, 200, list(STREAM[:2]), 2.0, left=True),
        Record("chats", 2, 0, 0.0, 200, list(STREAM[:2]), 2.5),
        Record("chats", 3, 0, 1.0, 503, [], 6.0, problem="503"),
    ]

    figures, texts = measured(records, Taken())

    assert (figures.seconds, figures.calls, figures.left) == (6.0, 4, 1)
    assert figures.problems == ("the answer has no end", "503")
    assert (figures.prompt_tokens, figures.computed_tokens, figures.made_tokens) == (9, 5, 2)
    waits = figures.waits["chats"]
    assert (waits.first.p50, waits.first.p99) == (1.5, 2.0)
    assert (waits.gap.p50, waits.whole.p99) == (1.0, 4.0)
    assert texts == {("chats", 0, 0): "ba dasi"}


def test_texts_are_the_same_up_to_the_first_difference() -> None:
    ours = {("a", 0, 0): "same", ("a", 1, 0): "abcdef", ("a", 2, 0): "only ours"}
    theirs = {("a", 0, 0): "same", ("a", 1, 0): "abx"}

    assert likeness(ours, theirs) == Likeness(compared=2, same=1, agreed=0.6)


def figures(seconds: float, gap: float = 0.1, long: float = 1.0) -> Figures:
    def waits(gap: float, whole: float) -> Waits:
        return Waits(*(Percentiles(one, one, one) for one in (0.1, gap, whole)))

    both = {"chats": waits(gap, 1.0), "long": waits(0.1, long)}
    return Figures(seconds, 8, 0, (), 90, 40, 64, 0, both, Taken(5.0, 700.0))


def test_peers_are_judged_by_the_median_of_the_rounds_ratios() -> None:
    cells = [
        Cell(number, "beside", server, "", figures(seconds, gap))
        for number, server, seconds, gap in (
            (0, "funland", 10.0, 0.1), (0, "peer", 12.0, 0.3),
            (1, "funland", 20.0, 0.1), (1, "peer", 30.0, 0.1),
            (2, "peer", 11.0, 0.2), (2, "funland", 10.0, 0.1),
        )
    ]  # fmt: skip
    cells[1] = replace(cells[1], likeness=Likeness(8, 7, 0.9))

    found = {one.demand.name: one for one in ratios(cells)}

    whole, gaps = found["whole time"], found["chats' p99 between tokens"]
    assert (whole.value, whole.lowest, whole.highest, whole.met) == (1.2, 1.1, 1.5, True)
    assert (gaps.value, gaps.met) == (pytest.approx(2.0), True)
    told = text(cells)
    assert "7 of 8 texts the same" in told
    assert "NOT MET" not in told
    assert svg(cells).count("<rect") == 3


@pytest.mark.parametrize("name", SIX)
def test_funlands_cache_is_as_large_as_llama_servers_where_memory_holds_all_models(
    name: str,
) -> None:
    workload = named(name)
    peer = LlamaServer(Path("llama-server"), 2).model_settings(workload)

    ours = load_settings(workload)

    cells = int(peer[peer.index("-c") + 1])
    assert ours == ({} if workload.held else {"cache_tokens": cells})


@pytest.mark.parametrize("name", SIX)
def test_funland_moves_runs_only_where_it_is_told_to(name: str) -> None:
    told = {} if named(name).held else {"cache_reuse_tokens": 256}

    assert load_settings(named(name), 256).items() - load_settings(named(name)).items() == set(
        told.items()
    )


def test_a_short_trace_of_all_kinds_is_replayed_against_the_service(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--not-ours", "--server", f"stack={stack.http_url}", "--model", "funland-tiny"]
    command += ["--shape", "micro", "--scale", "0.06", "--rounds", "1", "--patience", "0"]

    failed = main([*command, "--workloads", "crowd", "extract", "--out", str(tmp_path)])

    document = json.loads((tmp_path / "workloads.json").read_bytes())
    assert not failed, document["text"]
    crowd, extract = (cell["figures"] for cell in document["cells"])
    assert (crowd["calls"], crowd["left"]) == (4 + 2, 1)
    assert (extract["calls"], extract["problems"]) == (12, [])
    assert extract["cached_tokens"] > 0
    assert "extract" in capsys.readouterr().out
    assert (tmp_path / "workloads.svg").read_text().startswith("<svg")
