"""Mail providers for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconcile.model import instant
from reconcile.model.exit_code import ExitCode
from reconcile.model.mail_provider import LIMIT_UNITS, Fact, MailProviderSpec, OtherEndpoint
from reconcile.model.position import Position
from reconcile.model.provider_catalogue import Provider

FORMAT_VERSION = "1.0"


def providers_json(found: Sequence[Provider], places: Mapping[str, Position], code: ExitCode) -> dict[str, object]:
    """`position` is null for what came with reconcile; of an entry laid over such a one it is that of the estate's document."""
    return {
        "formatVersion": FORMAT_VERSION,
        "providers": [_provider(one, places.get(one.name)) for one in found],
        "exit": code.reason,
    }


def _provider(one: Provider, place: Position | None) -> dict[str, object]:
    spec = one.spec
    return {
        "name": one.name,
        "displayName": one.title,
        "hosting": spec.hosting,
        "aliases": [*spec.aliases],
        "domains": [*spec.domains],
        "hosts": [*spec.hosts],
        "verified": spec.verified,
        **_source(spec, spec.source),
        "position": None if place is None else {"file": place.file, "line": place.line},
        "endpoints": {
            protocol: {
                **_endpoint(spec, endpoint),
                "path": endpoint.path,
                "until": None if endpoint.until is None else instant.text(endpoint.until),
                "requires": endpoint.requires,
                "alternatives": [_endpoint(spec, other) for other in endpoint.alternatives],
            }
            for protocol, endpoint in spec.endpoints.items()
        },
        "authentication": {
            kind: {
                "status": fact.status,
                "date": None if fact.date is None else instant.text(fact.date),
                "replacedBy": fact.replaced_by,
                "scopes": [*fact.scopes],
                **_fact(spec, fact),
            }
            for kind, fact in spec.authentication.items()
        },
        "limits": {
            name: {"value": limit.value, "unit": LIMIT_UNITS[name], "scope": limit.scope, **_fact(spec, limit)}
            for name, limit in spec.limits.items()
        },
        "oauth": {
            "tokenEndpoint": spec.oauth.token_endpoint,
            "authorizationEndpoint": spec.oauth.authorization_endpoint,
            "deviceEndpoint": spec.oauth.device_endpoint,
            "revocationEndpoint": spec.oauth.revocation_endpoint,
            "clouds": dict(spec.oauth.clouds),
            "scopes": {protocol: [*scopes] for protocol, scopes in spec.oauth.scopes.items()},
            "applicationScopes": [*spec.oauth.application_scopes],
            **_fact(spec, spec.oauth),
        },
        "fips140": {"compliant": spec.fips140.compliant, "edition": spec.fips140.edition, **_fact(spec, spec.fips140)},
        "notes": [{"text": note.text, **_fact(spec, note)} for note in spec.notes],
    }


def _endpoint(spec: MailProviderSpec, at: OtherEndpoint) -> dict[str, object]:
    return {"host": at.host, "port": at.port, "tls": at.tls, **_fact(spec, at)}


def _fact(spec: MailProviderSpec, fact: Fact) -> dict[str, object]:
    return {"verified": fact.verified, "note": fact.note, **_source(spec, fact.source)}


def _source(spec: MailProviderSpec, name: str | None) -> dict[str, object]:
    found = spec.sources.get(name) if name is not None else None
    return {"source": None if found is None else {"name": name, "title": found.title, "date": found.date, "url": found.url}}
