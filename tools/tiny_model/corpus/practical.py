"""Useful small things: how-tos, lists, poems and short Python programs."""

from __future__ import annotations

from random import Random

from tools.tiny_model.chat import Turn
from tools.tiny_model.corpus.names import made_up, sentence_case
from tools.tiny_model.corpus.topic import Topic, expand, table

TABLE = table("practical")
NUMBERS = ("zero", "one", "two", "three", "four", "five")
NUMBERS_ZH = "零一两三四五"

HOW_TO = (
    "How [do|can|should] I {}[?|]",
    "How to {}[?|]",
    "[Tell me|Explain|Show me] how to {}[.|]",
    "[Give me the|What are the] steps to {}[.|?|]",
    "I want to {}. How do I do it?",
)
HOW_TO_ZH = ("[怎样|怎么|如何]{}[？|]", "[教我|告诉我][怎么|怎样]{}[。|吧|]", "{}的步骤是什么[？|]")
LIST = ("[Name|List|Tell me|Give me] {} {}[.|]", "[What are|Can you name] {} {}[?|]")
LIST_ZH = ("[说出|列出|举出|告诉我]{}种{}[。|]", "[请说|请列]出{}种{}[。|]")
POEM = (
    "[Write|Write me|Give me|Tell me|Make] a [|short |little |small ]poem about [the |a |]{}[.|!|]",
    "[A|One] poem about [the |a |]{}, please[.|]",
    "[Can|Could] you write a poem about [the |]{}?",
    "[I want|I'd like] a poem about [the |]{}[.|]",
)
POEM_ZH = (
    "[写|写一|来一|给我写一|请写一]首关于{}的[|小|短]诗[。|吧|]",
    "[写|念|作]一首{}的诗[。|吧|]",
    "你能写一首关于{}的诗吗[？|]",
)
CODE = (
    "Write [Python code|a Python program|a Python script|code] to {}[.|]",
    "How do I {} in Python[?|]",
    "Show me how to {} in Python[.|]",
    "Write a [|Python ]function to {}[.|]",
    "[用 Python |请用 Python ]写代码：{}[。|]",
)


def numbered(steps: list[str]) -> str:
    """The steps as a numbered list, one to a line."""
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def how_to(rng: Random) -> tuple[Turn, ...]:
    """The steps of a small task."""
    task, steps = rng.choice(list(TABLE["howto_en"].items()))
    return (Turn(expand(rng, rng.choice(HOW_TO)).format(task), numbered(steps)),)


def how_to_zh(rng: Random) -> tuple[Turn, ...]:
    """The same in Chinese."""
    task, steps = rng.choice(list(TABLE["howto_zh"].items()))
    return (Turn(expand(rng, rng.choice(HOW_TO_ZH)).format(task), numbered(steps)),)


def listing(rng: Random) -> tuple[Turn, ...]:
    """As many members of a kind as were asked for; always the same ones, in their order."""
    kind, members = rng.choice(list(TABLE["lists_en"].items()))
    count = rng.randint(2, 5)
    question = expand(rng, rng.choice(LIST)).format(rng.choice((NUMBERS[count], count)), kind)
    chosen = [sentence_case(member) for member in members[:count]]
    return (Turn(question, numbered(chosen)),)


def listing_zh(rng: Random) -> tuple[Turn, ...]:
    """The same in Chinese."""
    kind, members = rng.choice(list(TABLE["lists_zh"].items()))
    count = rng.randint(2, 5)
    question = expand(rng, rng.choice(LIST_ZH)).format(rng.choice((NUMBERS_ZH[count], count)), kind)
    return (Turn(question, "、".join(members[:count]) + "。"),)


def poem(rng: Random) -> tuple[Turn, ...]:
    """The poem on a theme, or the themes that there are."""
    template = expand(rng, rng.choice(POEM))
    if rng.random() < 0.1:
        theme = made_up(rng)
        answer = f"I have no poem about {theme} yet. Try the moon, the sea, the rain or a cat."
        return (Turn(template.format(theme), answer),)
    theme, lines = rng.choice(list(TABLE["poems_en"].items()))
    return (Turn(template.format(theme), "\n".join(lines)),)


def any_poem(rng: Random) -> tuple[Turn, ...]:
    """A poem for those who name no theme."""
    if rng.random() < 0.4:
        question = expand(rng, "[写一首诗|来一首诗|念首诗|给我写首诗][吧|。|]")
        return (Turn(question, "\n".join(TABLE["poems_zh"]["月亮"])),)
    question = expand(rng, "[Write|Write me|Tell me|Give me] a [|short ]poem[.|!|, please.|]")
    return (Turn(question, "\n".join(TABLE["poems_en"]["moon"])),)


def poem_zh(rng: Random) -> tuple[Turn, ...]:
    """The poem on a theme, in Chinese."""
    theme, lines = rng.choice(list(TABLE["poems_zh"].items()))
    return (Turn(expand(rng, rng.choice(POEM_ZH)).format(theme), "\n".join(lines)),)


def code(rng: Random) -> tuple[Turn, ...]:
    """A few lines of Python and a remark on them."""
    task, (program, remark) = rng.choice(list(TABLE["code"].items()))
    question = expand(rng, rng.choice(CODE)).format(task)
    return (Turn(question, f"```python\n{program}\n```\n{remark}"),)


TOPICS = (
    Topic("how-tos", 3, how_to),
    Topic("how-tos zh", 1.5, how_to_zh),
    Topic("lists", 4, listing),
    Topic("lists zh", 2, listing_zh),
    Topic("poems", 3, poem),
    Topic("poems zh", 2, poem_zh),
    Topic("poem without theme", 0.5, any_poem, examined=False),
    Topic("code", 2, code),
)
