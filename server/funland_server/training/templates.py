"""The ways to train, and what can be set of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from funland.v1.training_pb2 import (
    HyperparameterRange,
    Hyperparameters,
    TrainingPlace,
    TrainingTemplate,
)

LORA: Final = "lora"
QLORA: Final = "qlora"
FULL: Final = "full"
_INTEGERS: Final = {
    field.name for field in Hyperparameters.DESCRIPTOR.fields if field.cpp_type in (1, 2)
}

_RANGES: Final[tuple[tuple[str, str, float, float, float], ...]] = (
    ("rank", "The rank of the adapter.", 16, 1, 256),
    ("alpha", "What the adapter adds is scaled by alpha / rank.", 32, 0, 1024),
    ("learning_rate", "The highest learning rate.", 1e-3, 0, 1),
    ("epochs", "How often each row is seen.", 3, 1, 10_000),
    ("max_steps", "At most so many steps; 0: no limit.", 0, 0, 10_000_000),
    ("batch_size", "How many rows a step takes.", 8, 1, 1024),
    ("max_tokens", "Rows are cut to so many tokens.", 512, 8, 131_072),
    ("warmup_ratio", "In what part of the steps the learning rate rises.", 0.05, 0, 1),
    ("weight_decay", "AdamW's weight decay.", 0, 0, 1),
    ("max_grad_norm", "The norm that gradients are clipped to; 0: they aren't.", 1, 0, 1000),
    ("evaluation_ratio", "What part of the rows is kept out for evaluation.", 0, 0, 0.5),
    ("evaluation_steps", "After how many steps it is evaluated; 0: each epoch.", 0, 0, 10_000_000),
    ("patience", "After how many worse evaluations it stops; 0: never.", 0, 0, 1000),
    ("seed", "What chance begins with.", 0, 0, 2**63 - 1),
    ("checkpoint_steps", "After how many steps a checkpoint is written.", 100, 1, 10_000_000),
    ("threads", "How many threads compute; 0: as many as there are cores.", 0, 0, 1024),
)
"""Names, what they are, what they are when they aren't set, the least and the most."""

_OTHER_DEFAULTS: Final = {(FULL, "learning_rate"): 2e-5}
"""Of templates, what is something else by default: a model's own weights want smaller steps."""
_LEFT_OUT: Final = {FULL: ("rank", "alpha")}
"""What templates have not: where all weights learn there is no adapter."""

TEMPLATES: Final = {
    LORA: (
        "LoRA",
        "Learns a small adapter beside all linear layers; the model stays as it is.",
        "numpy",
    ),
    QLORA: ("QLoRA", "LoRA beside linear layers of four bits: less memory, other losses.", "torch"),
    FULL: ("All weights", "Learns all of the model's weights; another model comes of it.", "torch"),
}
"""By ids: names, what they do, and what computes where nobody says."""


def template(
    template_id: str, places: Sequence[TrainingPlace], unavailable_reason: str
) -> TrainingTemplate:
    """One of them."""
    name, description, backend = TEMPLATES[template_id]
    return TrainingTemplate(
        template_id=template_id,
        name=name,
        description=description,
        backend=backend,
        available=bool(places),
        unavailable_reason=unavailable_reason,
        hyperparameters=[
            HyperparameterRange(
                name=field,
                description=about,
                default_value=_default(template_id, field, default),
                minimum=least,
                maximum=most,
                integer=field in _INTEGERS,
            )
            for field, about, default, least, most in _RANGES
            if field not in _LEFT_OUT.get(template_id, ())
        ],
        # The CPU does it too, if slowly.
        min_gpu_memory_bytes=0,
        places=places,
    )


def superfluous(template_id: str, given: Hyperparameters) -> str | None:
    """The first hyperparameter that is given and that a template has not; None: there is none."""
    left_out = _LEFT_OUT.get(template_id, ())
    return next((field.name for field, _ in given.ListFields() if field.name in left_out), None)


def filled(given: Hyperparameters, template_id: str = LORA) -> Hyperparameters:
    """All hyperparameters: what is given, and for the others what they are by default."""
    made = Hyperparameters()
    for field, _, default, _, _ in _RANGES:
        if field not in _LEFT_OUT.get(template_id, ()):
            told = _default(template_id, field, default)
            setattr(made, field, int(told) if field in _INTEGERS else told)
    made.MergeFrom(given)
    return made


def _default(template_id: str, field: str, default: float) -> float:
    return _OTHER_DEFAULTS.get((template_id, field), default)
