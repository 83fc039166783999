"""Where requests may go: pure checks of a URL, and of the addresses that its host has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from yarl import URL

from funland_server.web.addresses import address_of, is_public
from funland_server.web.errors import AddressNotAllowedError, OfflineError
from funland_server.web.urls import Origin, host_of, normal_host, origin_of, parse

_LOCAL_NAMES = (".localhost", ".local", ".internal", ".home.arpa")


@dataclass(frozen=True, slots=True)
class WebPolicy:
    """What the settings allow."""

    offline: bool = False
    """Whether nothing at all is sent."""
    private_hosts: frozenset[str] = frozenset()
    """Hosts, in the writing of `normal_host`, that may have private addresses, at any port."""
    endpoints: frozenset[Origin] = frozenset()
    """Origins that the settings name: they may have private addresses too."""
    proxy: URL | None = None
    """What requests go through, but those to `private_hosts` and `endpoints` with such addresses;
    it looks names up itself."""

    @classmethod
    def of(
        cls,
        *,
        offline: bool = False,
        private_hosts: Iterable[str] = (),
        endpoints: Iterable[str] = (),
        proxy: str | None = None,
    ) -> WebPolicy:
        """The policy of settings; raises AddressNotAllowedError for what is no URL."""
        return cls(
            offline=offline,
            private_hosts=frozenset(normal_host(host) for host in private_hosts),
            endpoints=frozenset(origin_of(parse(url)) for url in endpoints),
            proxy=parse(proxy) if proxy else None,
        )

    def may_be_private(self, host: str, port: int) -> bool:
        """Whether the settings name it, so that it may lie in this machine or site."""
        name = normal_host(host)
        return name in self.private_hosts or any(
            (origin.host, origin.port) == (name, port) for origin in self.endpoints
        )

    def check_target(self, url: URL) -> None:
        """Refuses a URL before anything is sent.

        Raises:
            OfflineError: Nothing is to be sent.
            AddressNotAllowedError: Its host is an address, or a name, of this machine or site.
        """
        host = host_of(url)
        if self.offline:
            raise OfflineError
        if self.may_be_private(host, url.port or 0):
            return
        address = address_of(host)
        local = host == "localhost" or host.endswith(_LOCAL_NAMES) or "." not in host
        if (address is None and local) or (address is not None and not is_public(address)):
            raise AddressNotAllowedError(host, _PRIVATE)

    def check_addresses(self, host: str, port: int, addresses: Iterable[str]) -> None:
        """Refuses a host that has an address of this machine or site among its addresses.

        Raises:
            AddressNotAllowedError: It has one, and the settings do not name it.
        """
        if self.may_be_private(host, port):
            return
        for text in addresses:
            address = address_of(text)
            if address is None or not is_public(address):
                raise AddressNotAllowedError(normal_host(host), _PRIVATE)

    def check_redirect(self, before: URL, after: URL) -> None:
        """Refuses a redirect that gives up encryption, or leads where no URL may.

        Raises:
            OfflineError, AddressNotAllowedError: It is not followed.
        """
        self.check_target(after)
        if before.scheme == "https" and after.scheme != "https":
            raise AddressNotAllowedError(host_of(after), "a redirect leads from https to http")


_PRIVATE = (
    "it lies in this machine or site, where nothing is fetched from; the setting"
    " server.allowed_private_hosts names hosts that may"
)
