"""OpenVINO GenAI's pipelines of one model. They belong to one thread at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.images_pb2 import GenerateImagesRequest
from funland_worker.engines.openvino.library import openvino, openvino_genai
from funland_worker.engines.protocol import EngineError
from funland_worker.images.facts import PictureFacts
from funland_worker.images.files import Pixels
from funland_worker.images.lora import Adapter, nothing, to_file
from funland_worker.images.plan import Defaults, Plan
from funland_worker.images.schedulers import scheduler
from funland_worker.images.sizes import LEAST, MOST, Canvas, Size, refused
from funland_worker.images.suiting import Scheduler

_LATENT_SIDES = 4
"""Pictures, channels, height and width."""

Step: TypeAlias = Callable[[int, Any], bool]
"""Told that so many steps are done, and what there is by then; says whether to end. It is called by
a thread of the library, beside the next step, and not for each step if it takes long. It must not
raise: that would end the process."""


@dataclass(frozen=True, slots=True)
class Given:
    """The pictures that one begins with, as large as it is painted."""

    image: Pixels | None = None
    mask: Pixels | None = None


@dataclass(frozen=True, slots=True)
class Painted:
    """A picture that is done."""

    pixels: Pixels
    step_ms: float
    """A step, on average."""
    steps: int
    """How many there were."""


class Pipelines:
    """Text to picture, and picture to picture where the model can. All have their weights in
    common."""

    def __init__(
        self,
        folder: Path,
        device: str,
        properties: Mapping[str, Any],
        facts: PictureFacts,
        adapters: Mapping[str, Adapter],
    ) -> None:
        """`adapters` are by their ids; `properties` go to the device.

        Raises:
            RuntimeError: The library can't load the model.
        """
        self._genai = openvino_genai()
        self._openvino = openvino()
        self._facts = facts
        self._adapters = {name: self._adapter(one) for name, one in adapters.items()}
        told = dict(properties)
        # Two that change nothing: the library does not see all changes of how strongly adapters
        # count, and computes with what is left in memory after none was wanted. With one of these,
        # in turns, some are wanted always, and always others.
        self._nothing = [
            self._adapter(nothing(adapters.values())) for _ in range(2 * bool(adapters))
        ]
        if adapters:
            all_of_them = [*self._adapters.values(), *self._nothing]
            told["adapters"] = self._genai.AdapterConfig(all_of_them)
        self._mask: Any = None
        self._image: Any = None
        if facts.edits:
            # Only in this direction do they share what they have loaded.
            self._mask = self._genai.InpaintingPipeline(folder, device, **told)
            self._image = self._genai.Image2ImagePipeline(self._mask)
            self._text = self._genai.Text2ImagePipeline(self._image)
        else:
            self._text = self._genai.Text2ImagePipeline(folder, device, **told)
        said = self._text.get_generation_config()
        fixed = self._fixed_size(folder / facts.painter / "openvino_model.xml")
        own = fixed or (said.width, said.height)
        if any(side % facts.unit or not LEAST <= side <= MOST for side in own):
            raise EngineError(
                ErrorReason.MODEL_LOAD_FAILED,
                f"The model can't be loaded: its own size, {own[0]}x{own[1]}, is none of sides from"
                f" {LEAST} to {MOST} that {facts.unit} divides.",
            )
        self.canvas = Canvas(own, facts.unit, fixed=fixed is not None)
        self.defaults = Defaults(said.num_inference_steps, said.guidance_scale)
        self._schedulers: dict[int, Scheduler] = {}

    def paint(self, plan: Plan, seed: int, given: Given, step: Step) -> Painted | None:
        """Paints a picture; None if `step` ended it. Blocks, and releases the GIL.

        Raises:
            EngineError: FIELD_INVALID.
        """
        pipeline, pictures = self._chosen(given)
        self._schedule(pipeline, plan.scheduler)
        width, height = plan.sizes.painted
        wishes: dict[str, Any] = {
            "width": width,
            "height": height,
            "num_inference_steps": plan.steps,
            "guidance_scale": plan.guidance_scale,
            "rng_seed": seed,  # unset it is always the same
            "num_images_per_prompt": 1,
            "callback": _callback(step),
        }
        if plan.negative_prompt is not None:
            wishes["negative_prompt"] = plan.negative_prompt
        if plan.strength is not None:
            wishes["strength"] = plan.strength
        if self._adapters:
            self._nothing.reverse()
            chosen = [(self._adapters[name], scale) for name, scale in plan.adapters]
            wishes["adapters"] = self._genai.AdapterConfig([(self._nothing[0], 1.0), *chosen])
        try:
            made = pipeline.generate(plan.prompt, *pictures, **wishes)
        except RuntimeError as error:
            raise self._reason(plan, error) or error from error
        if not made.shape:
            return None
        measured = pipeline.get_performance_metrics()
        return Painted(
            # What the tensor holds is the library's, which writes there again.
            np.array(made.data[0]),
            measured.get_iteration_duration().mean,
            len(measured.raw_metrics.iteration_durations),
        )

    def kept(self, latent: Any) -> Any:
        """What there is after a step, as it stays when the library goes on."""
        return self._openvino.Tensor(np.array(latent.data))

    def decoded(self, latent: Any) -> Pixels:
        """What a picture looks like that is not done."""
        return np.array(self._text.decode(latent).data[0])

    def _fixed_size(self, network: Path) -> Size | None:
        """The only size that a network paints in; None if there are others."""
        first = self._openvino.Core().read_model(network).inputs[0].get_partial_shape()
        if len(first) != _LATENT_SIDES or first[2].is_dynamic or first[3].is_dynamic:
            return None
        factor = self._facts.factor
        return first[3].get_length() * factor, first[2].get_length() * factor

    def _adapter(self, adapter: Adapter) -> Any:
        return self._genai.Adapter(self._openvino.Tensor(to_file(adapter)))

    def _chosen(self, given: Given) -> tuple[Any, list[Any]]:
        """The pipeline, and the pictures that it is given."""
        if given.image is None:
            return self._text, []
        image = self._tensor(given.image)
        if given.mask is None:
            return self._image, [image]
        return self._mask, [image, self._tensor(given.mask[..., np.newaxis])]

    def _tensor(self, pixels: Pixels) -> Any:
        return self._openvino.Tensor(np.ascontiguousarray(pixels[np.newaxis]))

    def _schedule(self, pipeline: Any, wanted: Scheduler) -> None:
        present = self._schedulers.get(id(pipeline), GenerateImagesRequest.SCHEDULER_UNSPECIFIED)
        if wanted != present:
            pipeline.set_scheduler(scheduler(self._genai, self._facts.scheduler, wanted))
            self._schedulers[id(pipeline)] = wanted

    def _reason(self, plan: Plan, error: RuntimeError) -> EngineError | None:
        """Why the library refused what was checked; None: that is our defect."""
        if "okenizer" in str(error):
            field = "negative_prompt" if plan.negative_prompt else "prompt"
            return refused(field, "has a character that the model's tokenizer does not know")
        return None


def _callback(step: Step) -> Callable[[int, int, Any], bool]:
    """What the library calls with the number of a step, from 0, and how many there are."""

    def call(number: int, _: int, latent: Any) -> bool:
        return step(number + 1, latent)

    return call
