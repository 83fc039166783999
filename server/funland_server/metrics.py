"""What the server counts and measures, for Prometheus; docs/metrics.md explains each.

The only labels are RPC names, status codes, states and ids of installed models and of devices, so
there are never more series than those allow.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from funland.v1.hardware_pb2 import Device
from funland.worker.v1.worker_pb2 import Step

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 3, 5, 10, 30, 60, 120, 300)
_BATCH = (1, 2, 4, 8, 12, 16, 20, 24, 28, 32, 48, 64, 128, 256)

_DEVICE = {
    "utilization_percent": "How much of the time a device computed.",
    "memory_used_bytes": "A device's memory that is in use.",
    "memory_total_bytes": "A device's memory.",
    "temperature_celsius": "A device's temperature.",
    "power_watts": "What a device takes of power.",
    "power_limit_watts": "What it may take.",
    "clock_mhz": "What a device runs at.",
    "memory_clock_mhz": "What a device's memory runs at.",
    "fan_percent": "A device's fan, of its most.",
}
"""By the names of `DeviceMetrics`; what can't be read of a device has no series."""


class Metrics:
    """One server's metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._latest_steps: dict[str, dict[str, Step]] = {}
        self.calls = Counter(
            "funland_calls", "Calls that ended, by status code.", ["rpc", "code"],
            registry=self.registry,
        )  # fmt: skip
        self.active_connections = Gauge(
            "active_connections", "Calls that are being answered.", registry=self.registry
        )
        self.inference_seconds = Histogram(
            "model_inference_seconds", "From a generation's arrival to its end.", ["model"],
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self.time_to_first_token = Histogram(
            "funland_time_to_first_token_seconds",
            "From a generation's arrival to its first token.", ["model"],
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self.prompt_tokens = Counter(
            "funland_prompt_tokens", "Prompt tokens of generations that ended.", ["model"],
            registry=self.registry,
        )  # fmt: skip
        self.cached_prompt_tokens = Counter(
            "funland_cached_prompt_tokens", "Those of them that the cache had.", ["model"],
            registry=self.registry,
        )  # fmt: skip
        self.completion_tokens = Counter(
            "funland_completion_tokens", "Tokens that were made.", ["model"], registry=self.registry
        )
        self.batch_size = Histogram(
            "funland_batch_size", "Sequences that a forward pass advanced by a token.", ["model"],
            buckets=_BATCH, registry=self.registry,
        )  # fmt: skip
        self.queue_depth = Gauge(
            "funland_queue_depth", "Generations that wait for a slot.", ["model"],
            registry=self.registry,
        )  # fmt: skip
        self.active_sequences = Gauge(
            "funland_active_sequences", "Generations that hold a slot.", ["model"],
            registry=self.registry,
        )  # fmt: skip
        self.cached_tokens = Gauge(
            "funland_cached_tokens", "Tokens whose keys and values the cache holds.", ["model"],
            registry=self.registry,
        )  # fmt: skip
        self.images = Counter(
            "funland_images", "Pictures that were painted.", ["model"], registry=self.registry
        )
        self.image_seconds = Histogram(
            "funland_image_seconds", "From a request's arrival to its last picture.", ["model"],
            buckets=(*_SECONDS, 1800, 3600), registry=self.registry,
        )  # fmt: skip
        self.image_step_seconds = Histogram(
            "funland_image_step_seconds", "A step of a picture, on the average of a request.",
            ["model"], buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self.background_responses = Gauge(
            "funland_background_responses",
            "Responses that are made in the background.",
            registry=self.registry,
        )
        self.webhook_tries = Counter(
            "funland_webhook_tries", "How often the end of a task was told, by what came of it.",
            ["state"], registry=self.registry,
        )  # fmt: skip
        self.background_responses_ended = Counter(
            "funland_background_responses_ended", "Those that ended, by their state.", ["state"],
            registry=self.registry,
        )  # fmt: skip
        self.session_answers_active = Gauge(
            "funland_session_answers_active",
            "Answers of kept conversations that are written.",
            registry=self.registry,
        )
        self.session_answers = Counter(
            "funland_session_answers", "Those that ended, by their state.", ["state"],
            registry=self.registry,
        )  # fmt: skip
        self.plugin_executions_active = Gauge(
            "funland_plugin_executions_active", "Plugins that are executed.", registry=self.registry
        )
        self.plugin_executions = Counter(
            "funland_plugin_executions", "Executions that ended, by how.", ["outcome"],
            registry=self.registry,
        )  # fmt: skip
        self.tasks_waiting = Gauge(
            "funland_tasks_waiting", "Tasks that wait, on all servers of the database.", ["lane"],
            registry=self.registry,
        )  # fmt: skip
        self.tasks_running = Gauge(
            "funland_tasks_running", "Tasks that run on this server.", ["lane"],
            registry=self.registry,
        )  # fmt: skip
        self.tasks_ended = Counter(
            "funland_tasks_ended", "Tasks that ended on this server, by their state.",
            ["lane", "state"], registry=self.registry,
        )  # fmt: skip
        self.batches_running = Gauge(
            "funland_batches_running", "Batches that this server answers.", registry=self.registry
        )
        self.batches_ended = Counter(
            "funland_batches_ended", "Batches that ended on this server, by their state.",
            ["state"], registry=self.registry,
        )  # fmt: skip
        self.batch_lines = Counter(
            "funland_batch_lines", "Lines of batches that this server has answered.", ["outcome"],
            registry=self.registry,
        )  # fmt: skip
        self.task_wait_seconds = Histogram(
            "funland_task_wait_seconds", "From when a task might begin until it did.", ["lane"],
            buckets=(*_SECONDS, 1800, 3600, 21600, 86400), registry=self.registry,
        )  # fmt: skip
        self.spoken_characters = Counter(
            "funland_spoken_characters", "Characters of texts that were spoken.", ["model"],
            registry=self.registry,
        )  # fmt: skip
        self.spoken_seconds = Counter(
            "funland_spoken_seconds", "How long they sound.", ["model"], registry=self.registry
        )
        self.time_to_first_sound = Histogram(
            "funland_time_to_first_sound_seconds",
            "From when a text came to the model until its first sound.", ["model"],
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self.heard_seconds = Counter(
            "funland_heard_seconds", "How long recordings are that were heard to their end.",
            ["model"], registry=self.registry,
        )  # fmt: skip
        self.hearing_factor = Histogram(
            "funland_hearing_real_time_factor",
            "How long it took to hear a recording, for each second of it.", ["model"],
            buckets=(.01, .02, .05, .1, .2, .35, .5, .75, 1, 1.5, 2, 5), registry=self.registry,
        )  # fmt: skip
        self.download_bytes = Counter(
            "funland_download_bytes", "Bytes of models that came over the network.",
            registry=self.registry,
        )  # fmt: skip
        self.downloads_active = Gauge(
            "funland_downloads_active", "Downloads that have a turn.", registry=self.registry
        )
        self.downloads_ended = Counter(
            "funland_downloads_ended", "Those that ended, by their state.", ["state"],
            registry=self.registry,
        )  # fmt: skip
        self.deployments = Gauge(
            "funland_deployments", "Deployments, by their state.", ["state"],
            registry=self.registry,
        )  # fmt: skip
        self.devices = {
            field: Gauge(f"funland_device_{field}", text, ["device"], registry=self.registry)
            for field, text in _DEVICE.items()
        }
        self.evictions = Counter(
            "funland_evictions", "Unloads of an idle model to make room for another.", ["model"],
            registry=self.registry,
        )  # fmt: skip
        self.thrashing_evictions = Counter(
            "funland_thrashing_evictions",
            "Those of them for a model that had left for this one, again and again.",
            ["model"], registry=self.registry,
        )  # fmt: skip
        self.backing_off_until = Gauge(
            "funland_backing_off_until_seconds",
            "When a lost model is started again at the earliest, in Unix time.",
            ["model"], registry=self.registry,
        )  # fmt: skip
        self.worker_restarts = Counter(
            "funland_worker_restarts", "Workers that were lost; another took the place of each.",
            ["model"], registry=self.registry,
        )  # fmt: skip

    def text(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self.registry)

    def steps(self, model: str, key: str) -> Callable[[Step, int], None]:
        """What counts a worker's forward passes and the tokens that each made. `key` tells it from
        the model's others, whose gauges are added up.

        Passes are many: their series are looked up once, and gauges read the latest when asked.
        """
        batch_size = self.batch_size.labels(model)
        completion_tokens = self.completion_tokens.labels(model)
        for gauge, field in (
            (self.queue_depth, "waiting_sequences"),
            (self.active_sequences, "active_sequences"),
            (self.cached_tokens, "cached_tokens"),
        ):
            gauge.labels(model).set_function(partial(self._latest, model, field))

        def count(step: Step, tokens: int) -> None:
            if step.decoded_sequences:
                batch_size.observe(step.decoded_sequences)
            if tokens:
                completion_tokens.inc(tokens)
            if step.HasField("active_sequences"):
                self._latest_steps.setdefault(model, {})[key] = step

        return count

    def worker_ended(self, model: str, key: str) -> None:
        """Sets back what only a running worker has."""
        self._latest_steps.get(model, {}).pop(key, None)

    def backs_off(self, model: str, until: float | None) -> None:
        """Tells until when a model is not started, in Unix time; None: it may be."""
        self.backing_off_until.labels(model).set(until or 0)

    def device(self, device_id: str, device: Device) -> None:
        """Shows what a device does; one that is gone, or can't be asked, loses its series."""
        there = device.state != Device.UNAVAILABLE
        told = {field.name: value for field, value in device.metrics.ListFields() if there}
        for name, gauge in self.devices.items():
            if name in told:
                gauge.labels(device_id).set(told[name])
            else:
                with suppress(KeyError):  # it never had one
                    gauge.remove(device_id)

    def forget(self, model: str) -> None:
        """Removes a deleted model's series."""
        for metric in (
            self.inference_seconds, self.time_to_first_token, self.prompt_tokens,
            self.cached_prompt_tokens, self.completion_tokens, self.batch_size, self.queue_depth,
            self.active_sequences, self.cached_tokens, self.evictions, self.backing_off_until,
            self.worker_restarts, self.thrashing_evictions, self.images, self.image_seconds,
            self.image_step_seconds, self.spoken_characters, self.spoken_seconds,
            self.time_to_first_sound, self.heard_seconds, self.hearing_factor,
        ):  # fmt: skip
            try:
                metric.remove(model)
            except KeyError:
                continue  # the model was never used

    def _latest(self, model: str, field: str) -> float:
        return sum(getattr(step, field) for step in self._latest_steps.get(model, {}).values())
