"""What can be said of how a run learns: an option for each field of `Hyperparameters`."""

from __future__ import annotations

from typing import Annotated

import typer

Rank = Annotated[int | None, typer.Option(metavar="N", help="The rank of the adapter.")]
Alpha = Annotated[
    float | None, typer.Option(metavar="X", help="What the adapter adds counts alpha / rank.")
]
LearningRate = Annotated[float | None, typer.Option(metavar="X", help="The highest learning rate.")]
Epochs = Annotated[int | None, typer.Option(metavar="N", help="How often each row is seen.")]
MaxSteps = Annotated[
    int | None, typer.Option(metavar="N", help="At most so many steps; 0: no limit.")
]
BatchSize = Annotated[int | None, typer.Option(metavar="N", help="How many rows a step takes.")]
MaxTokens = Annotated[int | None, typer.Option(metavar="N", help="Cut rows to so many tokens.")]
WarmupRatio = Annotated[
    float | None,
    typer.Option(metavar="0-1", help="In what part of all steps the rate rises."),
]
WeightDecay = Annotated[float | None, typer.Option(metavar="0-1", help="AdamW's weight decay.")]
MaxGradNorm = Annotated[
    float | None, typer.Option(metavar="X", help="Clip gradients to this norm; 0: don't.")
]
EvaluationRatio = Annotated[
    float | None,
    typer.Option(metavar="0-0.5", help="Keep this part of the rows out, to evaluate with."),
]
EvaluationSteps = Annotated[
    int | None,
    typer.Option(metavar="N", help="Evaluate every so many steps; 0: after each epoch."),
]
Patience = Annotated[
    int | None,
    typer.Option(metavar="N", help="Stop when so many evaluations were no better; 0: never."),
]
Seed = Annotated[
    int | None, typer.Option(metavar="N", help="Equal seeds give equal runs.  [default: 0]")
]
CheckpointSteps = Annotated[
    int | None, typer.Option(metavar="N", help="Write a checkpoint every so many steps.")
]
Threads = Annotated[
    int | None,
    typer.Option(metavar="N", help="How many threads compute; 0: as many as there are cores."),
]
