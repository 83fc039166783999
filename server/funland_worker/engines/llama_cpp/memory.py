"""What can be done with the texts that llama.cpp's memory for a model holds (ADR 0126)."""

from __future__ import annotations

from dataclasses import dataclass

_ANY = 1 << 30


@dataclass(frozen=True, slots=True)
class Memory:
    """What a model's memory can do, and what it costs. Caches, scheduler and guesses ask this, and
    neither for an architecture nor for what is kept of a text."""

    remembers: bool = True
    """Whether anything is kept of a text: else it is read as a whole, and can't grow."""
    drops_tails: bool = True
    """Whether a text can lose all tokens from any on, as far as `window` lets it. Else a beginning
    of it is to be had only where a copy was made of just that, but for `rolls_back`."""
    window: int = 0
    """How many tokens before its end a text must still have to go on from there; 0: all."""
    rolls_back: int = 0
    """How many of its latest tokens a text can lose in a context that was made for it, if they came
    in one `llama_decode`, the last that it was in. Each costs every sequence one more state."""
    copies_parts: bool = True
    """Whether a text can be given a part of another; else it is given all, and loses the rest."""
    shares_cells: bool = True
    """Whether a copy costs nothing until one of the two goes on. Else it is one that was saved and
    restored, since llama.cpp's own come late."""
    moves: bool = True
    """Whether what was saved of a text goes back into a context of another number of parts."""
    shifts: bool = True
    """Whether a text's tokens can be moved to other positions, as far as llama.cpp says; it is
    tried where that is wanted (`cache.grafting`)."""
    undoes_passes: bool = True
    """Whether a pass can be broken off, and what it has computed be dropped."""
    keeps_states: bool = False
    """Whether each sequence costs a state, which is whole from the start, used or not. Else it
    costs what its tokens do."""
    even_passes: bool = False
    """Whether texts are only right in a pass that computes as many tokens of each."""

    @property
    def takes_back(self) -> int:
        """How many tokens of the latest pass a text can lose: as far as it can be guessed."""
        return _ANY if self.drops_tails else self.rolls_back

    @property
    def branches(self) -> bool:
        """Whether a text can be tried out ahead, and then go on as if that had not been."""
        return self.drops_tails or (self.shares_cells and not self.even_passes)
