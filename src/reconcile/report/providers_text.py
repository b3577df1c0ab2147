"""Mail providers for people: all of them in a table, or all that is known of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconcile.model import instant
from reconcile.model.mail_provider import (
    AUTHENTICATION_NAMES,
    LIMIT_UNITS,
    PROTOCOL_NAMES,
    AuthenticationFact,
    Endpoint,
    Fact,
    MailProviderSpec,
    ProviderLimit,
)
from reconcile.model.position import Position
from reconcile.model.provider_catalogue import Provider
from reconcile.report.safe_text import neutral
from reconcile.report.table import table

#: Ways of authentication that stand in the list.
_LISTED = ("accountPassword", "appPassword", "oauth")


def providers_text(found: Sequence[Provider], places: Mapping[str, Position], *, fit: int | None) -> str:
    """`places` says where the estate declares those it has."""
    rows = [
        (
            one.name,
            one.title,
            " ".join(one.spec.endpoints),
            *(_standing(one.spec.authentication.get(kind)) for kind in _LISTED),
            _read(one.spec, one.spec.source),
            "yes" if one.spec.verified else "no",
            _where(one, places.get(one.name)),
        )
        for one in found
    ]
    head = ("PROVIDER", "NAME", "PROTOCOLS", "PASSWORD", "APP PASSWORD", "OAUTH", "READ", "VERIFIED", "FROM")
    shown = table(head, rows, limits=(None, 60, 60, None, None, None, None, None, 200), fit=fit)
    doubtful = any(not fact.verified for one in found for kind, fact in one.spec.authentication.items() if kind in _LISTED)
    return shown + ("\n? known at second hand only" if doubtful else "")


def provider_text(one: Provider, place: Position | None, *, fit: int | None) -> str:
    """Blocks with blank lines between them."""
    return "\n\n".join(_blocks(one, place, fit))


def _blocks(one: Provider, place: Position | None, fit: int | None) -> Iterator[str]:
    spec = one.spec
    lines = [f"{one.name}  {one.title} ({spec.hosting})   # {_where(one, place)}"]
    if spec.aliases:
        lines.append(f"  also as     {', '.join(spec.aliases)}")
    if spec.domains:
        lines.append(f"  domains     {', '.join(spec.domains)}")
    if spec.fips140.compliant is not None:
        edition = f" {spec.fips140.edition}" if spec.fips140.edition else ""
        lines.append(f"  FIPS{edition}  {'compliant' if spec.fips140.compliant else 'not compliant'} ({_certainty(spec, spec.fips140)})")
    yield "\n".join(neutral(line) for line in lines)
    rows = [row for protocol, endpoint in spec.endpoints.items() for row in _endpoints(spec, protocol, endpoint)]
    yield table(("PROTOCOL", "HOST", "PORT", "TLS", "READ", "NOTE"), rows, limits=(None, 80, None, None, None, 300), fit=fit)
    if spec.authentication:
        kinds = [
            (kind, AUTHENTICATION_NAMES[kind], fact.status, _day(fact), fact.replaced_by, _certainty(spec, fact), fact.note)
            for kind, fact in spec.authentication.items()
        ]
        head = ("AUTHENTICATION", "WHAT", "STATUS", "DATE", "INSTEAD", "READ", "NOTE")
        yield table(head, kinds, limits=(None, 80, None, None, 60, None, 300), fit=fit)
    if spec.oauth.token_endpoint:
        yield table(("TOKENS", "ADDRESS", "READ", "NOTE"), _tokens(spec), limits=(None, 120, None, 300), fit=fit)
    if spec.limits:
        limits = [_limit(spec, name, limit) for name, limit in spec.limits.items()]
        yield table(("LIMIT", "VALUE", "UNIT", "FOR", "READ", "NOTE"), limits, limits=(None, None, None, 80, None, 300), fit=fit)
    if spec.notes:
        yield "\n".join(neutral(f"- {note.text} ({_certainty(spec, note)})") for note in spec.notes)
    if spec.sources:
        sources = [(name, source.date, source.title) for name, source in spec.sources.items()]
        yield table(("SOURCE", "DATE", "TITLE"), sources, limits=(None, None, 300), fit=fit)


def _tokens(spec: MailProviderSpec) -> list[Sequence[object]]:
    at = spec.oauth
    named = (
        ("asked from", at.token_endpoint),
        ("sign-in with a browser", at.authorization_endpoint),
        ("sign-in with a code", at.device_endpoint),
        ("revoked at", at.revocation_endpoint),
        *((f"cloud {name}", host) for name, host in at.clouds.items()),
    )
    return [
        (what, address, _certainty(spec, at), at.note if number == 0 else None)
        for number, (what, address) in enumerate(one for one in named if one[1])
    ]


def _endpoints(spec: MailProviderSpec, protocol: str, endpoint: Endpoint) -> Iterator[Sequence[object]]:
    """One row a way to the protocol."""
    until = f"until {instant.text(endpoint.until)[:10]}" if endpoint.until is not None else ""
    needs = f"needs {endpoint.requires}" if endpoint.requires else ""
    for at in (endpoint, *endpoint.alternatives):
        told = (until, needs, at.note) if at is endpoint else (at.note,)
        words = "; ".join(part for part in told if part)
        yield PROTOCOL_NAMES[protocol], at.host or "its own", at.port, at.tls, _certainty(spec, at), words


def _limit(spec: MailProviderSpec, name: str, limit: ProviderLimit) -> Sequence[object]:
    value = "not known" if limit.value is None else f"{limit.value:,}"
    return name, value, LIMIT_UNITS[name], limit.scope, _certainty(spec, limit), limit.note


def _standing(fact: AuthenticationFact | None) -> str | None:
    if fact is None:
        return None
    return fact.status + (f" {_day(fact)}" if fact.date is not None else "") + ("" if fact.verified else " ?")


def _day(fact: AuthenticationFact) -> str | None:
    return None if fact.date is None else instant.text(fact.date)[:10]


def _read(spec: MailProviderSpec, source: str | None) -> str | None:
    """When a source was written."""
    found = spec.sources.get(source) if source is not None else None
    return found.date if found is not None else None


def _certainty(spec: MailProviderSpec, fact: Fact) -> str:
    read = ", ".join(part for part in (fact.source, _read(spec, fact.source)) if part)
    return (read or "stated here") if fact.verified else f"not verified{f': {read}' if read else ''}"


def _where(one: Provider, place: Position | None) -> str:
    if place is None:
        return "shipped"
    over = ", over the shipped one" if one.own is not None and one.spec is not one.own else ""
    return f"{place.file}:{place.line}{over}"
