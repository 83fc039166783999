"""The tokens that a registry gives to everybody who asks, where it wants to be shown one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import urlencode

from funland_server.errors import FunlandError
from funland_server.hub.clients import reading
from funland_server.hub.clients.asking import Asker
from funland_server.hub.clients.ollama_answers import challenge_of
from funland_server.web.fetching import Credential
from funland_server.web.urls import origin_of, parse

_LARGEST: Final = 64 * 1024
_MOST: Final = 256
"""Models of which the token is kept."""


class AnonymousBearer:
    """Answers a registry's challenge, as far as that takes no key of one's own."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._base = parse(asker.endpoint).raw_path.rstrip("/")
        self._origin = origin_of(parse(asker.endpoint))
        self._tokens: dict[str, Credential] = {}

    async def body(
        self, path: str, model: str, largest: int, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """As `Asker.body`, with a token if it takes one."""
        repository = repository_of(path)

        async def challenged(header: str) -> Credential | None:
            return await self._answer(repository, header)

        body, _ = await self._asker.body(
            path, model=model, headers=headers, largest=largest,
            credential=self._tokens.get(repository), challenged=challenged,
        )  # fmt: skip
        return body

    def known(self, url: str) -> Credential | None:
        """The token for a URL of the registry, if it has wanted one."""
        target = parse(url)
        if origin_of(target) != self._origin:
            return None
        return self._tokens.get(repository_of(target.raw_path))

    async def renew(self, url: str) -> None:
        """Asks for another token for a URL of the registry, if it wants one."""
        path = parse(url).raw_path
        self._tokens.pop(repository_of(path), None)
        # The blob itself is asked for as little as can be: what is wanted is the challenge.
        with suppress(FunlandError):
            await self.body(path.removeprefix(self._base), "", 1)

    async def _answer(self, repository: str, header: str) -> Credential | None:
        """A new token; None where a challenge can't be answered. It is asked for only at the
        registry's own origin, and goes only there."""
        challenge = challenge_of(header)
        realm = challenge.pop("realm", "")
        if not realm or origin_of(parse(realm)) != self._origin or "?" in realm:
            return None
        path = realm.removeprefix(str(parse(realm).origin()))
        at_root = Asker(
            self._asker.web, self._asker.name, str(self._origin), None, self._asker.seconds
        )
        told, _ = await at_root.json(f"{path}?{urlencode(challenge)}", largest=_LARGEST)
        token = reading.mapping(told).get("token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            return None
        if len(self._tokens) >= _MOST:
            self._tokens.clear()
        shown = Credential(self._origin, {"Authorization": f"Bearer {token}"})
        self._tokens[repository] = shown
        return shown


def repository_of(path: str) -> str:
    """`/v2/library/tiny` of the path of a manifest or blob."""
    for kind in ("/manifests/", "/blobs/"):
        path = path.partition(kind)[0]
    return path
