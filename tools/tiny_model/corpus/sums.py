"""Sums in a small closed range; anything bigger is declined."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tools.tiny_model.chat import Turn
from tools.tiny_model.corpus.names import person, person_zh
from tools.tiny_model.corpus.topic import Topic, expand, table

LARGEST_TERM = 20
LARGEST_FACTOR = 10

QUESTIONS = (
    "[What is|What's|Calculate|Compute|How much is] {a} {sign} {b}[?|]",
    "{a} {sign} {b}[?| =| = ?| =?|]",
    "{a}{sign}{b}[?|=|=?|]",
    "What is {a} {word} {b}[?|]",
    "How much is {a} {word} {b}[?|]",
    "{a} {word} {b}[?|]",
    "[Can you|Please] calculate {a} {sign} {b}[.|?|]",
)
QUESTIONS_ZH = (
    "{a}{word}{b}[等于几|等于多少|是多少|得几][？|]",
    "{a} {sign} {b} [等于几|等于多少|是多少|= ][？|]",
    "[请计算|计算一下|算一下|请问]{a}{word}{b}[。|？|]",
    "{a}{sign}{b}[等于几|等于多少|是多少][？|]",
)
TOO_BIG = (
    "Sorry, that is too big for me. I can only add and subtract up to 20, and multiply up to 10."
)
TOO_BIG_ZH = "对不起，这对我来说太大了。我只会 20 以内的加减法和 10 以内的乘法。"

WORDS = table("words")


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum in signs and in words, and its result."""

    a: int
    sign: str
    word: str
    word_zh: str
    b: int
    result: int

    def asked(self, rng: Random, question: str, word: str) -> str:
        """The question with this sum in it."""
        return expand(rng, question).format(a=self.a, sign=self.sign, word=word, b=self.b)

    def answer(self) -> str:
        """The sum with its result, always written with the same signs."""
        sign = {"plus": "+", "minus": "-", "times": "x", "divided by": "/"}[self.word]
        return f"{self.a} {sign} {self.b} = {self.result}"


def draw(rng: Random) -> Sum:
    """A sum within range."""
    kind = rng.choices("+-*/", (40, 30, 25, 5))[0]
    if kind == "+":
        a, b = rng.randint(0, LARGEST_TERM), rng.randint(0, LARGEST_TERM)
        return Sum(a, "+", "plus", "加", b, a + b)
    if kind == "-":
        a = rng.randint(0, LARGEST_TERM)
        b = rng.randint(0, a)
        return Sum(a, "-", "minus", "减", b, a - b)
    a, b = rng.randint(1, LARGEST_FACTOR), rng.randint(1, LARGEST_FACTOR)
    if kind == "*":
        return Sum(a, rng.choice("*x×"), "times", "乘以", b, a * b)
    return Sum(a * b, rng.choice("/÷"), "divided by", "除以", b, a)


def small_sum(rng: Random) -> tuple[Turn, ...]:
    """A sum within range."""
    drawn = draw(rng)
    return (Turn(drawn.asked(rng, rng.choice(QUESTIONS), drawn.word), drawn.answer()),)


def small_sum_zh(rng: Random) -> tuple[Turn, ...]:
    """The same in Chinese."""
    drawn = draw(rng)
    return (Turn(drawn.asked(rng, rng.choice(QUESTIONS_ZH), drawn.word_zh), drawn.answer()),)


def big_sum(rng: Random) -> tuple[Turn, ...]:
    """A sum with at least one number out of range."""
    a = rng.choice((rng.randint(21, 99), rng.randint(100, 999), rng.randint(1000, 99999)))
    b = rng.choice((rng.randint(2, 20), rng.randint(21, 99), rng.randint(100, 9999)))
    if rng.random() < 0.5:
        a, b = b, a
    sign, word, chinese = rng.choice(
        (("+", "plus", "加"), ("-", "minus", "减"), ("*", "times", "乘以"))
    )
    if sign == "*" and rng.random() < 0.3:
        a, b = rng.randint(11, 20), rng.randint(2, 20)
    if rng.random() < 0.35:
        question = expand(rng, rng.choice(QUESTIONS_ZH)).format(a=a, sign=sign, word=chinese, b=b)
        return (Turn(question, TOO_BIG_ZH),)
    question = expand(rng, rng.choice(QUESTIONS)).format(a=a, sign=sign, word=word, b=b)
    return (Turn(question, TOO_BIG),)


def word_sum(rng: Random) -> tuple[Turn, ...]:
    """Somebody has things and gets or gives some."""
    name, thing = person(rng), rng.choice(WORDS["countable"])
    a, b = rng.randint(2, 12), rng.randint(1, 9)
    if rng.random() < 0.5:
        gets = rng.choice(("gets", "finds", "buys"))
        question = f"{name} has {a} {thing} and {gets} {b} more. How many {thing} does {name} have"
        answer = f"{a} + {b} = {a + b}, so {name} has {a + b} {thing}."
    else:
        a, b = max(a, b) + 1, min(a, b)
        gives = rng.choice(("gives away", "loses", "sells"))
        question = f"{name} has {a} {thing} and {gives} {b}. How many {thing} does {name} have"
        answer = f"{a} - {b} = {a - b}, so {name} has {a - b} {thing}."
    return (Turn(question + rng.choice((" now?", " left?", "?")), answer),)


def word_sum_zh(rng: Random) -> tuple[Turn, ...]:
    """The same in Chinese."""
    name, (measure, thing) = person_zh(rng), rng.choice(WORDS["countable_zh"])
    a, b = rng.randint(2, 12), rng.randint(1, 9)
    if rng.random() < 0.5:
        question = (
            f"{name}有{a}{measure}{thing}，又得到{b}{measure}。{name}现在有几{measure}{thing}？"
        )
        answer = f"{a} + {b} = {a + b}，所以{name}有{a + b}{measure}{thing}。"
    else:
        a, b = max(a, b) + 1, min(a, b)
        question = f"{name}有{a}{measure}{thing}，送出{b}{measure}。{name}还有几{measure}{thing}？"
        answer = f"{a} - {b} = {a - b}，所以{name}有{a - b}{measure}{thing}。"
    return (Turn(question, answer),)


def times_table(rng: Random) -> tuple[Turn, ...]:
    """The multiples of a number, one to a line."""
    factor = rng.randint(1, LARGEST_FACTOR)
    question = expand(
        rng,
        f"[Write|Show me|Say|What is] the [times table of {factor}|{factor} times table][.|?|]",
    )
    rows = [f"{factor} x {other} = {factor * other}" for other in range(1, LARGEST_FACTOR + 1)]
    return (Turn(question, "\n".join(rows)),)


TOPICS = (
    Topic("small sums", 20, small_sum),
    Topic("small sums zh", 9, small_sum_zh),
    Topic("big sums", 3, big_sum),
    Topic("word sums", 5, word_sum, cased=True),
    Topic("word sums zh", 3, word_sum_zh),
    Topic("times tables", 1, times_table),
)
