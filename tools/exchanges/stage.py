"""What the fake hubs have for the exchanges: models, and weights that never come to their end."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

from yarl import URL

from funland_server.models.formats.header import ModelHeader
from funland_server.models.installed import manifest
from funland_server.models.installed.model import Fingerprint, InstalledModel
from tests.faults.gguf_files import without_template
from tests.hubs import kinds
from tests.hubs.content import seeded
from tests.hubs.server import FakeHub
from tests.picture_models import write_picture_model
from tools.exchanges.serving import COMMON, serving

_WEIGHTS: Final = 8 << 20
_SENT: Final = 1 << 20  # of them, before the hub falls silent

PAINTER: Final = "painter"
"""The id of a model that paints."""
_CARD: Final = "---\nlicense: apache-2.0\npipeline_tag: text-generation\n---\n# A model\n"


ACCOUNTS: Final = "accounts"
"""The port for all that is spoken of the service that has accounts."""
ROWS: Final = (
    {"instruction": "什么是机器学习", "input": "", "output": "让机器从数据中学习。"},
    {"instruction": "你好", "input": "", "output": "你好"},
    {"instruction": "Say hello.", "input": "", "output": "Hello!"},
    {"instruction": "Say goodbye.", "input": "", "output": "Goodbye!"},
)
"""What there is to train with, as Alpaca has it."""
USERS: Final = {"admin": "ADMIN", "viewer": "VIEWER"}


def furnish(hub: FakeHub) -> None:
    """Puts in what the plan asks for."""
    files: dict[str, Any] = {
        "README.md": _CARD,
        "model-q4_k_m.gguf": seeded(_WEIGHTS, "q4"),
        "model-q8_0.gguf": seeded(2 * _WEIGHTS, "q8"),
    }
    about: dict[str, Any] = {"downloads": 1_250_000, "likes": 12, "license": "apache-2.0"}
    hub.modelscope.add(
        "qwen/Qwen-7B-Chat", files, tags=["chat", "gguf"], tasks=["text-generation"], **about
    )
    hub.huggingface.add(
        "microsoft/DialoGPT-medium", files, tags=["gguf"], task="text-generation", **about
    )
    hub.huggingface.add("funland/mute", {"mute.gguf": without_template()}, tags=["gguf"], **about)
    hub.faults.add(kinds.stall(after=_SENT), path="*model-q*", method="GET")
    hub.faults.add(kinds.status(429, retry_after=7), path="*busy*")
    hub.faults.add(kinds.status(503), path="*away*")


def install_painter(home: Path) -> None:
    """Puts a model that paints into a home that nobody serves."""
    own = home / "models" / PAINTER
    path = write_picture_model(own / "model")
    model = InstalledModel(
        model_id=PAINTER, aliases=(), source=PAINTER, path=path, sha256="0" * 64,
        fingerprint=Fingerprint.of(path), create_time=datetime.now(UTC),
        header=ModelHeader(
            architecture="", name="", description="", license="", quantization="",
            parameter_count=1, context_length=0, embedding_length=0, has_chat_template=False,
            purpose="IMAGE", format="OPENVINO_IR",
        ),
    )  # fmt: skip
    (own / "model.json").write_bytes(manifest.to_json(model))


def settings(hub: FakeHub) -> dict[str, str]:
    """The variables with which a service asks these hubs, and gives each API a port."""
    return {
        "FUNLAND_SERVER__HUBS": "modelscope, huggingface",
        "FUNLAND_SERVER__MODELSCOPE_ENDPOINT": hub.modelscope.url,
        "FUNLAND_SERVER__HUGGINGFACE_ENDPOINT": hub.huggingface.url,
        # Where the hubs redirect to; their own addresses may be asked, for they are set.
        "FUNLAND_SERVER__ALLOWED_PRIVATE_HOSTS": URL(hub.cdn.url).host or "",
        "FUNLAND_GATEWAY__LISTEN": "0=manager, 0=hellovm, 0=scheduler, 0=openai, 0=ollama",
    }


@contextmanager
def services(folder: Path, hub: FakeHub) -> Generator[dict[str, str]]:
    """Starts a service that asks nobody who calls, and one with accounts; gives the URLs of the
    first's ports, and of the second's for `platform` and, as `ACCOUNTS`, for all."""
    homes = folder / "open", folder / "accounts"
    for home in homes:
        home.mkdir()
    furnish(hub)
    install_painter(homes[0])
    with serving(homes[1], {}) as ports:
        _let_in(ports[COMMON])
        _give_rows(ports[COMMON])
    accounts = {
        "FUNLAND_SERVER__ACCOUNTS": "true",
        "FUNLAND_SERVER__OFFLINE": "true",
        "FUNLAND_GATEWAY__LISTEN": "0=platform",
    }
    with serving(homes[0], settings(hub)) as ports, serving(homes[1], accounts) as others:
        yield {**ports, "platform": others["platform"], ACCOUNTS: others[COMMON]}


def _let_in(url: str) -> None:
    """Makes the users that the plan has, at a service that asks nobody yet."""
    for username, role in USERS.items():
        user = {
            "username": username,
            "password": f"{username}'s password",
            "email": f"{username}@example.com",
            "role": role,
        }
        _asked(f"{url}/funland/v1/users", user)


def _give_rows(url: str) -> None:
    """Makes the dataset that the plan has, and waits until it is read."""
    inline = {"name": "alpaca.jsonl", "text": "".join(json.dumps(row) + "\n" for row in ROWS)}
    dataset = {
        "name": "alpaca-zh",
        "description": "Instructions in Chinese",
        "source": {"inline": inline},
    }
    made = json.loads(_asked(f"{url}/funland/v1/datasets", dataset))
    _asked(f"{url}/funland/v1/datasets/{made['dataset_id']}:watch")


def _asked(url: str, body: object = None) -> bytes:
    """All that is answered, until the answer ends."""
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data), timeout=30) as answer:  # noqa: S310 - a URL of our own
        return answer.read()


def places(hub: FakeHub) -> dict[str, str]:
    """The hubs' addresses, which are others in each run, and what they are called."""
    return {
        hub.modelscope.url: "http://modelscope",
        hub.huggingface.url: "http://huggingface",
        hub.cdn.url: "http://cdn",
    }
