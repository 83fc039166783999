"""Stories that the embedded model tells with room between each choice and the next likely one.

A pass over many texts adds up in another order than one over each, an engine in another than the
next, and so do processors. Where the two likeliest tokens are close, they choose otherwise: texts
that are to agree are these. Of each first 100 tokens the likeliest is exp(0.8) times as likely as
the next, or more.
"""

from __future__ import annotations

from typing import Final

HEROES: Final = (
    "fox", "bird", "bear", "owl", "mouse", "frog", "robot", "girl", "lion", "rabbit", "tiger",
    "turtle", "princess", "squirrel", "star", "teacher",
)  # fmt: skip
QUESTIONS: Final = tuple(f"Tell me a story about a {hero}." for hero in HEROES)
PROMPTS: Final = tuple(
    f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n" for question in QUESTIONS
)
"""As the model's template writes the questions."""
