"""`funland deploy`: keeps a model in memory under a name, downloading it if need be."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, cast

import typer

from funland_cli import options
from funland_cli.deploying import follow
from funland_cli.deployment_views import next_step
from funland_cli.documents import document
from funland_cli.failures import CommandError, ExitCode
from funland_cli.loading import where
from funland_client import DeploymentArguments

EPILOG = """\b
Examples:
  funland deploy qwen2.5:0.5b --name chat --port 9001
  funland deploy qwen --replicas 2 --device gpu_0 --context 8192
  funland deploy Qwen/Qwen2.5-7B-Instruct --engine vllm --gpu-memory 0.8 --detach

\b
It stays until `funland deployments stop`, over restarts of the server. Ctrl-C stops nothing.
"""

DeployEngine = Literal["llama_cpp", "openvino", "ctranslate2", "vllm"]

_VLLM: Final = "vllm"


def deploy(
    context: typer.Context,
    *,
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="An installed model, or one of a hub as `funland pull` takes it."
        ),
    ],
    name: Annotated[
        str, typer.Option(metavar="NAME", help="A name for calls to use.  [default: its id]")
    ] = "",
    port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", help="Where OpenAI's API is to answer for it alone.  [default: nowhere]"
        ),
    ] = None,
    replicas: Annotated[
        int | None, typer.Option(metavar="N", help="In how many processes.  [default: 1]")
    ] = None,
    engine: Annotated[
        DeployEngine | None,
        typer.Option(help="What computes.  [default: chosen by the model's format]"),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(metavar="DEVICE[,DEVICE...]", help="Where: as `funland devices` lists them."),
    ] = None,
    gpu_memory: Annotated[
        float | None,
        typer.Option(metavar="0-1", help="The part of each GPU's memory that it may take."),
    ] = None,
    context_length: Annotated[
        int | None,
        typer.Option("--context", metavar="TOKENS", help="Tokens of a call's prompt and answer."),
    ] = None,
    slots: Annotated[
        int | None,
        typer.Option(metavar="N", help="How many calls each process answers at once."),
    ] = None,
    node: Annotated[
        str | None, typer.Option(metavar="NODE", help="On which machine: see `funland nodes`.")
    ] = None,
    dtype: Annotated[
        Literal["auto", "float16", "bfloat16", "float32"] | None,
        typer.Option(help="The numbers that vLLM computes with."),
    ] = None,
    tensor_parallel: Annotated[
        int | None,
        typer.Option(metavar="N", help="Over how many GPUs vLLM spreads each layer."),
    ] = None,
    hub: options.HubName = None,
    variant: Annotated[
        str,
        typer.Option(
            "--variant", "-q", metavar="NAME", help="What to download: a quantization or a file."
        ),
    ] = "",
    download: Annotated[
        bool, typer.Option("--download/--no-download", help="Download it if it is not installed.")
    ] = True,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Print the deployment's id and leave.")
    ] = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Keep a model in memory under a name, and wait until it runs."""
    session = options.session(context, server, as_json)
    given: dict[str, Any] = {
        "name": name,
        "port": port,
        "replicas": replicas,
        "hub": hub,
        "variant": variant,
        "download": None if download else False,
    }
    how = settings(
        engine,
        device=device,
        gpu_memory=gpu_memory,
        context_length=context_length,
        slots=slots,
        node=node,
        dtype=dtype,
        tensor_parallel=tensor_parallel,
    )
    arguments = {key: value for key, value in given.items() if value not in (None, "")} | how
    session.output.wait(f"Asking for {model}")
    try:
        with session.client() as client:
            deployment = client.deployments.start(model, **cast("DeploymentArguments", arguments))
    finally:
        session.output.waited()
    if not detach:
        follow(session, deployment)
    elif session.output.as_json:
        session.output.event(document(deployment))
    else:
        session.output.line(deployment.deployment_id)
        session.output.note(next_step(deployment, session.flags))


def settings(
    engine: DeployEngine | None,
    *,
    device: str | None = None,
    gpu_memory: float | None = None,
    context_length: int | None = None,
    slots: int | None = None,
    node: str | None = None,
    dtype: str | None = None,
    tensor_parallel: int | None = None,
) -> dict[str, Any]:
    """What flags say of how it runs: for the server's workers, for vLLM, or for whichever it is.

    Raises CommandError for a flag that the engine has none of.
    """
    ours = {
        "engine": None if engine == _VLLM else engine,
        **where(device),
        "gpu_memory_fraction": gpu_memory,
        "context_length": context_length,
        "slots": slots,
        "node_id": node,
    }
    vllms = {
        "gpu_memory_utilization": gpu_memory,
        "max_model_len": context_length,
        "max_num_seqs": slots,
        "dtype": dtype,
        "tensor_parallel_size": tensor_parallel,
    }
    if engine == _VLLM:
        _refuse(engine, {"--device": device, "--node": node})
        return {"engine": _VLLM, **_kept("vllm", vllms)}
    if engine is not None:
        _refuse(engine, {"--dtype": dtype, "--tensor-parallel": tensor_parallel})
        return {"engine": "built_in", **_kept("settings", ours)}
    return _kept("settings", ours) | _kept("vllm", vllms)


def _kept(name: str, values: dict[str, Any]) -> dict[str, Any]:
    given = {key: value for key, value in values.items() if value is not None}
    return {name: given} if given else {}


def _refuse(engine: str, flags: dict[str, Any]) -> None:
    for flag, value in flags.items():
        if value is not None:
            raise CommandError(f"{engine} has no {flag}.", exit_code=ExitCode.USAGE)
