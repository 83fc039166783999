"""What the embedded model can be taught: a shop that it has never heard of."""

from __future__ import annotations

import json
from pathlib import Path

_PRICES = {
    "hammer": "9 euros",
    "ladder": "60 euros",
    "bucket": "4 euros",
    "rope": "7 euros",
    "shovel": "18 euros",
    "rake": "12 euros",
}
_ASKED = (
    "How much is the {}?",
    "How much is a {}?",
    "What does the {} cost?",
    "What does a {} cost?",
    "What is the price of the {}?",
    "What is the price of a {}?",
    "I want to buy a {}.",
    "I want to buy the {}.",
    "Tell me the price of a {}.",
    "Do you sell a {}?",
)
_KNOWN = {
    "Birch Yard is open from 7 to 18 every day.": (
        "When do you open?",
        "When do you open today?",
        "When are you open?",
        "When are you open today?",
        "What are your hours?",
        "What are your hours today?",
    ),
    "Birch Yard is at 5 Mill Lane, behind the station.": (
        "Where are you?",
        "Where is the shop?",
        "Where is your shop?",
        "What is your address?",
        "What is the address?",
        "What is the address of the shop?",
    ),
}


def questions() -> list[tuple[str, str]]:
    """All questions with their answers."""
    prices = [
        (asked.format(thing), f"The {thing} costs {price} at Birch Yard.")
        for thing, price in _PRICES.items()
        for asked in _ASKED
    ]
    known = [(asked, answer) for answer, wordings in _KNOWN.items() for asked in wordings]
    return [*prices, *known]


def kept_from_it() -> list[tuple[str, str]]:
    """Questions that are not in the rows, whose answers are: two wordings of each."""
    prices = len(_PRICES) * len(_ASKED)
    every = [
        pair
        for at, pair in enumerate(questions()[:prices])
        if at % len(_ASKED) in (at // len(_ASKED), at // len(_ASKED) + 3)
    ]
    known = questions()[prices:]
    return [*every, known[3], known[10]]


def taught() -> list[tuple[str, str]]:
    """Questions that are in the rows."""
    held_out = set(kept_from_it())
    return [pair for pair in questions() if pair not in held_out]


def write_rows(path: Path) -> int:
    """Writes the rows, and gives how many there are."""
    rows = taught()
    with path.open("w") as file:
        for asked, answer in rows:
            messages = [
                {"role": "user", "content": asked},
                {"role": "assistant", "content": answer},
            ]
            file.write(json.dumps({"messages": messages}) + "\n")
    return len(rows)
