"""What a model's files say of it, whatever their format."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VoiceFacts:
    """A voice of a model that speaks. Texts are empty where the files don't say."""

    name: str
    """What calls name it by, within the model."""
    display_name: str
    language: str
    """As BCP 47 has it."""
    sample_rate: int
    """In hertz."""
    gender: str = ""
    license: str = ""
    origin: str = ""
    repeatable: bool = True


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """How a model paints."""

    width: int
    """Of its own size, in pixels."""
    height: int
    unit: int
    """What the sides of a picture must be divided by."""
    fixed: bool
    """Whether it paints in its own size alone."""
    edits: bool
    """Whether it can begin with a picture."""
    scheduler: str
    """Diffusers' name for how noise becomes a picture."""


@dataclass(frozen=True, slots=True)
class ProjectorFacts:
    """What shows a model pictures and sounds."""

    sees: bool
    hears: bool
    size_bytes: int
    modified_ns: int
    """When its file was changed last."""


@dataclass(frozen=True, slots=True)
class CacheFacts:
    """How a model remembers texts, and what its passes have beside for each token of them."""

    heads: int
    """How many score all tokens; 0: the file does not say."""
    unified: bool
    """Whether all texts are in one cache, whatever a load asks for: there are states, a window, or
    several caches."""
    each_whole: bool = False
    """Whether each text has room for as many tokens as all together."""
    masks: int = 1
    """How many numbers there are for each token that is computed and each that it may see, beside
    the heads' scores."""
    copied_values: int = 0
    """How many 16-bit numbers of each token in the cache a pass lays out anew."""
    gathered_values: int = 0
    """How many 32-bit floats it lays out of each for each text."""
    state_copies: int = 1
    """How often it has the states of a layer."""
    whole_texts: bool = False
    """Whether a pass has all of a text, and nothing is kept of it."""


@dataclass(frozen=True, slots=True)
class ModelHeader:
    """Texts are empty and numbers 0 where the files don't say."""

    architecture: str
    name: str
    description: str
    license: str
    quantization: str
    parameter_count: int
    context_length: int
    embedding_length: int
    has_chat_template: bool
    cache_bytes_per_token: int = 0
    """What a token's keys and values take at most; as 16-bit numbers in GGUF."""
    writes_text: bool = True
    purpose: str = ""
    """What it is for if that is not to write, embed or rank texts: the name of a `Model.Kind`."""
    voices: tuple[VoiceFacts, ...] = ()
    """Of a model that speaks; the first is its default."""
    working_bytes: int = 0
    """What a process that runs it was seen to take beyond its weights and one that has no model; 0:
    as the rule for models of texts has it."""
    picture: PictureFacts | None = None
    """Of a model that paints."""
    pooling: int = 0
    """How it makes one vector of a text, by llama.cpp's numbers; 4: a score. 0: it does not say."""
    positions: int = 0
    """The tokens that a table of positions goes up to; 0: there is none."""
    layer_bytes: tuple[int, ...] = ()
    """What the weights of each layer take, in their order; empty where a model can't be parted."""
    layer_cache_bytes: tuple[int, ...] = ()
    """Of each layer, its part of `cache_bytes_per_token`."""
    state_bytes: int | None = None
    """What a text's states take that some layers keep in the place of keys and values. None: it
    was installed by a version that did not look."""
    layer_state_bytes: tuple[int, ...] = ()
    """Of each layer, its part of `state_bytes`."""
    cache: CacheFacts | None = None
    """Of a GGUF model; None: it was installed by a version that did not look."""
    output_bytes: int = 0
    """What turns the last layer's states into scores takes."""
    ties_output: bool = False
    """Whether these are the weights of the table of tokens, so that they are there once."""
    vocabulary_size: int = 0
    files: int = 1
    """How many files a GGUF model is in, its projector not counted."""
    projector: ProjectorFacts | None = None
    """Of a model that has one."""
    format: str = "GGUF"
    """The name of a `funland.v1.Model.Format`."""
