"""What a profile gets from the mail provider it names, where it does not say it itself. Pure.

Server, port and TLS of both directions, what an account may send, the way of authentication where the provider leaves one only,
where tokens come from for a profile that signs in by OAuth, and the number of connections where the provider allows fewer than the
default. What the profile writes stands, also null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Final, Protocol

from reconcile.desired.documents import SourceDocument
from reconcile.desired.draft import Draft
from reconcile.desired.relations import Declared
from reconcile.desired.suggest import did_you_mean
from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf, Spec
from reconcile.model.document import PolicyDocument
from reconcile.model.finding import Severity
from reconcile.model.key import DOCUMENT_KINDS, Key
from reconcile.model.mail_provider import PROTOCOL_NAMES, AuthenticationFact, Endpoint, MailProviderSpec, OAuthFact, OtherEndpoint
from reconcile.model.protocols import PROTOCOLS
from reconcile.model.provider_catalogue import KIND, Provider, ProviderCatalogue, has_host, host_of
from reconcile.model.resource import Resource

#: Connections at the same time that a profile has without a word (see EmailServerProfile).
_USUAL_CONNECTIONS: Final = 10
_DIRECTIONS: Final = ("incoming", "outgoing")
#: What a way of authentication is called in a profile.
_ON_THE_WIRE: Final[Mapping[str, str]] = {
    "accountPassword": "basic",
    "appPassword": "basic",
    "oauth": "oauth",
    "applicationOauth": "oauth",
    "ntlm": "ntlm",
    "kerberos": "negotiate",
}
#: A limit of the provider → the profile's field, and by what the number is multiplied (MB are 1,048,576 bytes).
_SENDING: Final[Mapping[str, tuple[str, int]]] = {
    "messagesPerMinute": ("messagesPerMinute", 1),
    "messagesPerDay": ("messagesPerDay", 1),
    "recipientsPerMessage": ("recipientsPerMessage", 1),
    "messageSize": ("messageSize", 1024 * 1024),
}
_WITHOUT_PASSWORD: Final = frozenset({"oauth"})
#: Credentials that are tokens whatever the authentication says.
_BY_TOKEN: Final[frozenset[Leaf]] = frozenset({"gmail-oauth", "entra-oauth"})
#: Where credentials come from → what of it can be on the wire. Of the others nothing is said.
_FITTING: Final[Mapping[Leaf, frozenset[str]]] = {
    "user-or-queue": frozenset({"basic", "oauth", "ntlm", "negotiate"}),
    "profile": frozenset({"basic", "oauth", "ntlm", "negotiate"}),
    "windows-integrated": frozenset({"ntlm", "negotiate"}),
    "gmail-oauth": frozenset({"oauth"}),
    "entra-oauth": frozenset({"oauth"}),
    "hybrid-modern-auth": frozenset({"oauth"}),
}


class Document(Protocol):
    """A sound document about the rules, wherever it is kept."""

    @property
    def document(self) -> PolicyDocument: ...


@dataclass(slots=True, kw_only=True)
class Provided:
    """`effective` are profiles with what they were given, by the place of their document in the list; `held` maps keys to reasons."""

    effective: dict[int, Resource] = field(default_factory=dict)
    held: dict[Key, str] = field(default_factory=dict)
    drafts: list[Draft] = field(default_factory=list)


def provide(
    declared: Sequence[Declared], numbers: Iterable[int], sound: Mapping[Key, Document], bad: Mapping[Key, str], doubt: str
) -> Provided:
    """`numbers` are places of profiles that name a provider. `sound` and `bad` (with the reason) are the documents of the estate about
    rules and providers; `doubt` says which file may declare any provider, "" when none does. Who names a provider that is bad or in
    doubt waits: it would get other servers than were meant."""
    result = Provided()
    catalogue = catalogue_of(sound)
    for number in numbers:
        one = declared[number]
        key, word = one.resource.key, str(one.resource.spec["provider"])
        found = catalogue.get(word)
        why = bad.get(Key(KIND, word if found is None else found.name)) or doubt
        if why:
            result.held[key] = f"it takes its servers from {KIND}/{word}, but {why}"
        elif len(several := catalogue.called(word)) > 1:
            result.held[key] = f"it takes its servers from {KIND}/{word}, and {len(several)} are called so"
            result.drafts.append(_ambiguous(one, word, several))
        elif found is None:
            result.held[key] = f"it takes its servers from {KIND}/{word}, which nobody declares"
            result.drafts.append(_unknown(one, word, catalogue))
        else:
            _from(found, one, number, result)
    return result


def catalogue_of(policies: Mapping[Key, Document]) -> ProviderCatalogue:
    """The catalogue of an estate: `DesiredState.policies`, or what becomes of it."""
    own = {key.name: one.document.spec for key, one in policies.items() if key.kind == KIND}
    return ProviderCatalogue(own={name: spec for name, spec in own.items() if isinstance(spec, MailProviderSpec)})


def doubt(unread: Iterable[str], content: Callable[[str], bytes | None], nameless: Iterable[SourceDocument]) -> str:
    """Which file may declare a provider, though nobody can read that it does: one that was not read to its end, or a document that does
    not say what it is. `content` gives the octets of a file, None where they cannot be had."""
    for file in sorted(unread):
        octets = content(file)
        # NUL octets: a file in UTF-16 is no text to us, but the word is there.
        if octets is None or KIND.encode() in octets.replace(b"\0", b""):
            return f"{file} could not be read, and may declare one"
    for document in nameless:
        if document.kind not in DOCUMENT_KINDS and b'"endpoints"' in document.json:
            return f"{document.file}:{document.line} has errors, and may be one"
    return ""


def _from(provider: Provider, one: Declared, number: int, result: Provided) -> None:
    spec = one.resource.spec
    missing = [protocol for protocol in dict.fromkeys(_protocols(spec)) if protocol not in provider.spec.endpoints]
    for protocol in missing:
        draft = _no_protocol(one, provider, protocol)
        result.drafts.append(draft)
        if draft.severity is Severity.ERROR:
            result.held[one.resource.key] = draft.message
    values = given(provider, spec)
    if values:
        assigned = {**one.resource.assigned, **dict.fromkeys(values, provider.key)}
        result.effective[number] = one.resource._replace(spec=dict(sorted({**values, **spec}.items())), assigned=assigned)


def given(provider: Provider, spec: Spec) -> dict[str, Leaf]:
    """The fields that a provider fills in: none that `spec` has."""
    values: dict[str, Leaf] = {}
    protocols = _protocols(spec)
    for direction, protocol in zip(_DIRECTIONS, protocols, strict=True):
        endpoint = provider.spec.endpoints.get(protocol)
        if endpoint is None:
            continue
        if not (protocol == "ews" and spec.get("autodiscover") is True):
            values.update(_connection(provider, endpoint, spec, direction))
        if (authentication := _authentication(provider, spec, direction, protocol)) is not None:
            values[f"{direction}.authentication"] = authentication
    values.update(_tokens(provider, {**values, **spec}, protocols))
    limits = [one.value for protocol in protocols if (one := provider.spec.limits.get(f"{protocol}Connections")) is not None]
    fewest = min((value for value in limits if value), default=_USUAL_CONNECTIONS)
    if fewest < _USUAL_CONNECTIONS:
        values["maxConcurrentConnections"] = fewest
    if "smtp" in protocols:
        values.update(_sending_limits(provider))
    return {path: leaf for path, leaf in values.items() if path not in spec}


def _sending_limits(provider: Provider) -> Iterator[tuple[str, Leaf]]:
    """What an account may send, as far as numbers are known."""
    for limit, (field_, unit) in _SENDING.items():
        fact = provider.spec.limits.get(limit)
        if fact is not None and fact.value:
            yield f"outgoing.{field_}", fact.value * unit


def _protocols(spec: Spec) -> tuple[str, ...]:
    """What a profile fetches and sends with."""
    return next((pair for name, pair in PROTOCOLS.items() if name == spec.get("serverType")), ())


def _connection(provider: Provider, endpoint: Endpoint, spec: Spec, direction: str) -> dict[str, Leaf]:
    """Server, port and TLS that belong together. Of somebody else's server nothing is known."""
    server, port, tls = (spec.get(f"{direction}.{name}") for name in ("server", "port", "tls"))
    host = host_of(server)
    if host and endpoint.host is not None and not has_host(provider.spec, host):
        return {}
    values: dict[str, Leaf] = {}
    listed: tuple[OtherEndpoint, ...] = (endpoint, *endpoint.alternatives)
    options = [one for one in listed if one.host == host] or listed if host else listed
    options = [one for one in options if port in (None, one.port) and tls in (None, one.tls)]
    chosen = options[0] if options else None
    at = chosen or endpoint
    if at.host is not None:
        values[f"{direction}.server"] = at.host if endpoint.path is None else f"https://{at.host}{endpoint.path}"
    if chosen is not None:
        values.update({f"{direction}.port": chosen.port, f"{direction}.tls": chosen.tls})
    return values


def _authentication(provider: Provider, spec: Spec, direction: str, protocol: str) -> str | None:
    """How accounts prove themselves, where one way is left for the credentials that are declared."""
    sharing = direction == "outgoing" and spec.get("useSameSettingsForOutgoing") is not False
    side = "incoming" if sharing else direction
    ways = _FITTING.get(spec.get(f"{side}.credentials") or "user-or-queue", frozenset())
    if spec.get(f"{side}.password.ref") is not None:
        ways -= _WITHOUT_PASSWORD
    known: dict[str, AuthenticationFact] = dict(provider.spec.authentication)
    sending = known.pop("smtpPassword", None)
    if protocol == "smtp" and sending is not None:
        known["accountPassword"] = sending
    left = {_ON_THE_WIRE[kind] for kind, fact in known.items() if kind in _ON_THE_WIRE and fact.status in ("allowed", "ending")} & ways
    return left.pop() if len(left) == 1 else None


def _tokens(provider: Provider, spec: Spec, protocols: Sequence[str]) -> dict[str, Leaf]:
    """Endpoints and scopes, where the profile signs in by OAuth. Endpoints belong together: nothing is known of somebody else's."""
    protocols = [protocol for protocol in protocols if protocol in ("imap", "pop3", "smtp")]
    credentials = {
        spec.get(f"{side}.credentials") for side in _DIRECTIONS if side == "incoming" or spec.get("useSameSettingsForOutgoing") is False
    }
    if not protocols or not (credentials & _BY_TOKEN or "oauth" in {spec.get(f"{side}.authentication") for side in _DIRECTIONS}):
        return {}
    facts, values = provider.spec.oauth, dict[str, Leaf]()
    if "oauth.tokenEndpoint" not in spec:
        values.update((f"oauth.{name}", address) for name, address in _endpoints(facts, spec) if address is not None)
    by_application = spec.get("oauth.grant", "client-credentials" if "entra-oauth" in credentials else "") == "client-credentials"
    usual = provider.spec.authentication.get("oauth")
    by_owner = [scope for protocol in protocols for scope in facts.scopes.get(protocol, usual.scopes if usual else ())]
    scopes = sorted({*(facts.application_scopes if by_application else by_owner)})
    return {**values, "oauth.scopes": tuple(scopes)} if scopes else values


def _endpoints(facts: OAuthFact, spec: Spec) -> Iterator[tuple[str, str | None]]:
    tenant, cloud = spec.get("oauth.tenantId"), facts.clouds.get(str(spec.get("oauth.serverAuthority")))
    for name, address in (
        ("tokenEndpoint", facts.token_endpoint),
        ("authorizationEndpoint", facts.authorization_endpoint),
        ("deviceEndpoint", facts.device_endpoint),
        ("revocationEndpoint", facts.revocation_endpoint),
    ):
        if address is not None and "{tenant}" in address:
            # Of which tenant a token is asked for is never guessed.
            address = address.replace("{tenant}", str(tenant)) if tenant else None
        if address is not None and cloud is not None:
            address = f"https://{cloud}/{address.split('/', 3)[3]}"
        yield name, address


def _unknown(one: Declared, word: str, catalogue: ProviderCatalogue) -> Draft:
    near = did_you_mean(word, catalogue.words())
    listing = "`reconcile providers` lists those there are; declare your own as a MailProvider"
    return Draft(
        rule="provider/unknown",
        message=f"nobody declares a mail provider {word!r}, and none of that name comes with reconcile",
        hint=f"{near} {listing}" if near.endswith("?") else listing,
        place=one.place("spec", "provider"),
        resource=one.resource.key,
    )


def _ambiguous(one: Declared, word: str, several: Sequence[Provider]) -> Draft:
    names = " and ".join(other.name for other in several)
    return Draft(
        rule="provider/ambiguous",
        message=f"{word!r} is an alias of {names}",
        hint=f"write provider: one of {', '.join(other.name for other in several)}, or take the alias from one of them",
        place=one.place("spec", "provider"),
        resource=one.resource.key,
    )


def _no_protocol(one: Declared, provider: Provider, protocol: str) -> Draft:
    """Of an entry that is not verified it is not known what it lacks."""
    known = provider.spec.verified
    name = PROTOCOL_NAMES[protocol]
    server_type = one.resource.spec.get("serverType")
    others = ", ".join(PROTOCOL_NAMES[other] for other in provider.spec.endpoints)
    fitting = [name for name, pair in PROTOCOLS.items() if all(other in provider.spec.endpoints for other in pair)]
    mend = f"write serverType: {fitting[0]}" if len(fitting) == 1 else f"write serverType: one of {', '.join(fitting)}" if fitting else ""
    return Draft(
        rule="provider/protocol",
        severity=Severity.ERROR if known else Severity.WARNING,
        message=f"{provider.title} has no {name}, which serverType {server_type} needs"
        if known
        else f"it is not known whether {provider.title} has {name}, which serverType {server_type} needs; nothing is filled in for it",
        hint=f"it has {others or 'no endpoint'}" + (f": {mend}" if mend else "") + ("" if known else ", or declare server, port and tls"),
        place=one.place("spec", "serverType"),
        resource=one.resource.key,
        related=(one.place("spec", "provider"),),
    )
