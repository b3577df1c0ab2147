"""The providers that profiles may name: those that come with the program, and over them those of the estate. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from reconcile.model.canonical import Spec
from reconcile.model.key import Key
from reconcile.model.mail_address import ascii_domain
from reconcile.model.mail_provider import MailProviderSpec

KIND: Final = "MailProvider"
_NO_OWN: Final[Mapping[str, MailProviderSpec]] = {}
#: Maps whose entries are replaced one by one when an estate's document is laid over a shipped one.
_BY_NAME: Final = ("sources", "endpoints", "authentication", "limits")


class Provider(NamedTuple):
    """`name` is metadata.name; `own` is what the estate says itself, None where the entry is the shipped one."""

    name: str
    spec: MailProviderSpec
    own: MailProviderSpec | None = None

    @property
    def key(self) -> Key:
        return Key(KIND, self.name)

    @property
    def title(self) -> str:
        """For people."""
        return self.spec.display_name or self.name


@lru_cache(maxsize=1)
def shipped() -> Mapping[str, MailProviderSpec]:
    """Those that come with the program, by name."""
    from reconcile.model.shipped_providers import SHIPPED

    return {name: MailProviderSpec.model_validate_json(text, context={"time_zone": "UTC"}) for name, text in SHIPPED.items()}


class ProviderCatalogue:
    """`own` are the sound documents of the estate by name. Made without work: entries are put together when asked for."""

    def __init__(self, *, own: Mapping[str, MailProviderSpec] = _NO_OWN) -> None:
        self.own = own

    def names(self) -> list[str]:
        """Every name that a profile may use, without aliases."""
        return sorted({*shipped(), *self.own})

    def words(self) -> list[str]:
        """Names and aliases."""
        return sorted({word for one in self.all() for word in (one.name, *one.spec.aliases)})

    def all(self) -> Sequence[Provider]:
        """In the order of their names."""
        return self._all

    @cached_property
    def _all(self) -> Sequence[Provider]:
        return tuple(self._entry(name) for name in self.names())

    @cached_property
    def _by_host(self) -> Mapping[str, Sequence[Provider]]:
        found: dict[str, list[Provider]] = {}
        for one in self._all:
            for host in dict.fromkeys(_hosts(one.spec)):
                found.setdefault(host, []).append(one)
        return found

    def get(self, word: str) -> Provider | None:
        """By name, else by alias. None when nobody is called so, or several are."""
        found = self.called(word)
        return found[0] if len(found) == 1 else None

    def called(self, word: str) -> Sequence[Provider]:
        """Whom a word may mean: the one of that name, else all with that alias."""
        if word in self.own or word in shipped():
            return (self._entry(word),)
        return tuple(one for one in self._all if word in one.spec.aliases)

    def _entry(self, name: str) -> Provider:
        own, below = self.own.get(name), shipped().get(name)
        if own is None:
            assert below is not None
            return Provider(name, below)
        return Provider(name, own if below is None else laid_over(below, own), own)

    def recognise(self, spec: Spec) -> Provider | None:
        """The provider of a profile: the one it names, else the one whose hosts it uses. None when that cannot be told.

        A name does not hide whose servers are used: `provider: dovecot` beside imap.gmail.com is Gmail. The server mail is fetched from
        decides, then the one it is sent through. Where several entries have the host, the other server narrows them down, then the
        domain of the account; entries whose accounts have no domain of their own come last. Without known hosts `facts.serverVersion`
        and a hybrid serverType tell Exchange Online from Exchange Server.
        """
        word = spec.get("provider")
        named = self.get(word) if isinstance(word, str) else None
        found: Sequence[Provider] = ()
        for path in ("incoming.server", "outgoing.server", "defaultServerLocation"):
            host = host_of(spec.get(path))
            meant = self._with_host(host)
            both = [one for one in found if any(one.name == other.name for other in meant)]
            found = both or found or meant
        if named is not None and (not found or any(one.name == named.name for one in found)):
            return named
        if not found:
            told = _EXCHANGE.get(spec.get("facts.serverVersion")) or _HYBRID.get(spec.get("serverType"))
            if told is None and isinstance(spec.get("facts.serverVersion"), str):
                told = "exchange-onprem"
            return self.get(told) if told else None
        return found[0] if len(found) == 1 else _told_apart(found, spec)

    def _with_host(self, host: str) -> Sequence[Provider]:
        """Those that have the host itself, else the closest domain above it."""
        while host:
            if host in self._by_host:
                return self._by_host[host]
            host = host.partition(".")[2]
        return ()


_EXCHANGE: Final[Mapping[object, str]] = {"exchange-online": "exchange-online"}
_HYBRID: Final[Mapping[object, str]] = {"exchange-online-hybrid": "exchange-online", "exchange-server-hybrid": "exchange-onprem"}


def _told_apart(found: Sequence[Provider], spec: Spec) -> Provider | None:
    for path in ("incoming.username", "outgoing.username"):
        _, _, domain = str(spec.get(path) or "").rpartition("@")
        theirs = [one for one in found if ascii_domain(domain) in map(ascii_domain, one.spec.domains)]
        if len(theirs) == 1:
            return theirs[0]
    general = [one for one in found if not one.spec.domains]
    return general[0] if len(general) == 1 else None


def has_host(spec: MailProviderSpec, host: str) -> bool:
    """Whether a server is one of a provider's."""
    return any(host == known or host.endswith(f".{known}") for known in _hosts(spec))


def _hosts(spec: MailProviderSpec) -> Iterable[str]:
    yield from spec.domains
    yield from spec.hosts
    for endpoint in spec.endpoints.values():
        yield from (one.host for one in (endpoint, *endpoint.alternatives) if one.host is not None)


def host_of(server: object) -> str:
    """The host of a server field: a name alone or an https address. "" for what has none."""
    if not isinstance(server, str):
        return ""
    if "://" in server:
        try:
            server = urlsplit(server).hostname or ""
        except ValueError:
            return ""
    return server.lower().rstrip(".")


def laid_over(below: MailProviderSpec, own: MailProviderSpec) -> MailProviderSpec:
    """`own` over a shipped entry: entries of maps are replaced one by one, everything else that is written as a whole."""
    values: dict[str, object] = {}
    for name in own.model_fields_set:
        value = getattr(own, name)
        values[name] = {**getattr(below, name), **value} if name in _BY_NAME else value
    return below.model_copy(update=values)
