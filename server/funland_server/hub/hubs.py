"""Makes the hubs of the settings, and knows which of them a URL and a name belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from funland.v1.models_pb2 import Origin
from funland_server.config import ServerSettings
from funland_server.errors import FieldInvalidError, Violation
from funland_server.hub.clients.asking import Asker
from funland_server.hub.clients.bearer import AnonymousBearer
from funland_server.hub.clients.huggingface import HuggingFace
from funland_server.hub.clients.modelscope import ModelScope
from funland_server.hub.clients.ollama import Ollama
from funland_server.hub.clients.protocol import DISPLAY_NAMES, Hub, HubKind
from funland_server.hub.sources import HOSTS
from funland_server.live import Live
from funland_server.web.fetching import Credential, Web
from funland_server.web.policy import WebPolicy
from funland_server.web.urls import origin_of, parse

_KINDS: Final[Mapping[str, HubKind]] = {
    "modelscope": Origin.MODELSCOPE,
    "huggingface": Origin.HUGGINGFACE,
    "ollama": Origin.OLLAMA,
}


def web_policy(settings: ServerSettings) -> WebPolicy:
    """Where requests may go: endpoints and mirrors may lie in this machine or site."""
    endpoints = (
        settings.modelscope_endpoint, *settings.modelscope_mirrors,
        settings.huggingface_endpoint, *settings.huggingface_mirrors,
        settings.ollama_endpoint, *settings.ollama_mirrors,
    )  # fmt: skip
    return WebPolicy.of(
        offline=settings.offline,
        private_hosts=settings.allowed_private_hosts,
        endpoints=endpoints,
        proxy=settings.proxy,
    )


class Hubs:
    """The hubs that are asked, in their order. It is the downloads' `Credentials`."""

    def __init__(self, settings: Live[ServerSettings], web: Web) -> None:
        """Those of the settings; other ones when the settings of hubs change."""
        self._web = web
        self._hubs = _made(settings.now, web)
        # Not at every change: they remember what they were let in with.
        settings.map(_of_hubs).tell(lambda _: self._take(settings.now))

    @property
    def hubs(self) -> Mapping[HubKind, Hub]:
        """Those that there are now."""
        return self._hubs

    @property
    def hosts(self) -> Mapping[str, HubKind]:
        """What stands for a hub in a URL."""
        own = {
            urlsplit(url).netloc.lower(): kind
            for kind, hub in self.hubs.items()
            for url in (hub.endpoint, *hub.mirrors)
        }
        return {**HOSTS, **own}

    @property
    def offline(self) -> bool:
        """Whether none of them is asked now."""
        return self._web.offline

    def asked(self, kind: HubKind = Origin.HUB_UNSPECIFIED) -> list[Hub]:
        """One hub, or all in their order; none if the settings leave that one out."""
        return [hub for hub in self.hubs.values() if kind in (Origin.HUB_UNSPECIFIED, hub.kind)]

    def checked(self, kind: HubKind) -> list[Hub]:
        """The same; raises FieldInvalidError if there is none."""
        asked = self.asked(kind)
        if not asked:
            why = f"{DISPLAY_NAMES[kind]} is not among the hubs of the settings"
            raise FieldInvalidError([Violation("hub", why)])
        return asked

    async def credential(self, url: str, *, anew: bool) -> Credential | None:
        """What to show to the server of a file's URL, and to no other; None: nothing. A mirror is
        shown nothing. Where a registry has refused the one before, `anew` asks for another."""
        for hub in self.hubs.values():
            if not url.startswith(f"{hub.endpoint}/"):
                continue
            if isinstance(hub, Ollama):
                if anew:
                    await hub.bearer.renew(url)
                return hub.bearer.known(url)
            return hub.asker.credential if isinstance(hub, ModelScope | HuggingFace) else None
        return None

    def _take(self, settings: ServerSettings) -> None:
        self._hubs = _made(settings, self._web)


def _of_hubs(settings: ServerSettings) -> tuple[object, ...]:
    """All that hubs are made of."""
    names = ("endpoint", "mirrors", "token")
    each = (getattr(settings, f"{hub}_{name}", None) for hub in _KINDS for name in names)
    return settings.hubs, settings.hub_timeout_seconds, *each


def _made(settings: ServerSettings, web: Web) -> Mapping[HubKind, Hub]:
    return {_KINDS[name]: _hub(settings, web, name) for name in settings.hubs}


def _hub(settings: ServerSettings, web: Web, name: str) -> Hub:
    def asker(kind: HubKind, endpoint: str, shown: Iterable[tuple[str, str]] = ()) -> Asker:
        headers = dict(shown)
        credential = Credential(origin_of(parse(endpoint)), headers) if headers else None
        return Asker(web, DISPLAY_NAMES[kind], endpoint, credential, settings.hub_timeout_seconds)

    match _KINDS[name]:
        case Origin.MODELSCOPE:
            token = _secret(settings.modelscope_token)
            shown = (("Authorization", f"Bearer {token}"), ("Cookie", f"m_session_id={token}"))
            return ModelScope(
                asker(Origin.MODELSCOPE, settings.modelscope_endpoint, shown if token else ()),
                settings.modelscope_mirrors,
            )
        case Origin.HUGGINGFACE:
            token = _secret(settings.huggingface_token)
            shown = (("Authorization", f"Bearer {token}"),)
            return HuggingFace(
                asker(Origin.HUGGINGFACE, settings.huggingface_endpoint, shown if token else ()),
                settings.huggingface_mirrors,
            )
        case _:
            registry = asker(Origin.OLLAMA, settings.ollama_endpoint)
            return Ollama(registry, AnonymousBearer(registry), settings.ollama_mirrors)


def _secret(token: SecretStr | None) -> str:
    return "" if token is None else token.get_secret_value()
