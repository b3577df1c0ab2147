"""What rules see of a profile's mail provider: its entry of the catalogue, as variables `provider.*`. Pure.

What an entry does not say is not known, and neither is what nobody verified; a rule that reads it is not judged for that profile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from reconcile.model import instant
from reconcile.policy.variable import Type, Variable

if TYPE_CHECKING:
    from reconcile.model.provider_catalogue import Provider


@lru_cache(maxsize=1)
def provider_variables() -> tuple[Variable, ...]:
    """All there are."""
    from reconcile.model import mail_provider as model

    standing = ("allowed", "ending", "removed", "not-offered")
    return tuple(
        Variable(name=f"provider.{key}", type=kind, nullable=nullable, values=values, description=says)
        for key, kind, nullable, values, says in (
            ("name", Type.TEXT, False, (), "metadata.name of its entry."),
            ("title", Type.TEXT, False, (), "Its name for people."),
            ("hosting", Type.TEXT, False, ("cloud", "self-hosted"), "Who runs the servers."),
            ("domains", Type.TEXTS, False, (), "Domains of its accounts."),
            ("protocols", Type.TEXTS, False, (), "Protocols it has, where its entry is verified."),
            ("fips140", Type.TRUTH, False, (), "Whether its servers comply with FIPS 140."),
            *(
                row
                for name, words in model.AUTHENTICATION_NAMES.items()
                for row in (
                    (f"authentication.{name}.status", Type.TEXT, False, standing, f"Standing of: {words}."),
                    (f"authentication.{name}.date", Type.INSTANT, True, (), f"Since or until when, of: {words}."),
                )
            ),
            *(
                row
                for name, words in model.PROTOCOL_NAMES.items()
                for row in (
                    (f"endpoints.{name}.host", Type.TEXT, True, (), f"Host of {words}."),
                    (f"endpoints.{name}.port", Type.NUMBER, False, (), f"Port of {words}."),
                    (f"endpoints.{name}.tls", Type.TEXT, False, ("implicit", "starttls"), f"TLS of {words}."),
                    (
                        f"endpoints.{name}.ways",
                        Type.TEXTS,
                        False,
                        (),
                        f"Ways to {words}, as HOST:PORT TLS.",
                    ),
                    (f"endpoints.{name}.until", Type.INSTANT, True, (), f"First instant {words} no longer answers."),
                )
            ),
            *((f"limits.{name}", Type.NUMBER, False, (), f"Its limit, in {unit}.") for name, unit in model.LIMIT_UNITS.items()),
        )
    )


def facts(provider: Provider | None) -> Mapping[str, Any]:
    """Key of a variable → value; empty without a provider."""
    return {} if provider is None else dict(_facts(provider))


def _facts(provider: Provider) -> Iterator[tuple[str, Any]]:
    spec = provider.spec
    yield from (("name", provider.name), ("title", provider.title), ("hosting", spec.hosting), ("domains", spec.domains))
    if spec.verified:
        yield "protocols", tuple(sorted(spec.endpoints))
    if spec.fips140.verified and spec.fips140.compliant is not None:
        yield "fips140", spec.fips140.compliant
    for name, fact in spec.authentication.items():
        if fact.verified:
            yield f"authentication.{name}.status", fact.status
            yield f"authentication.{name}.date", _text(fact.date)
    for name, endpoint in spec.endpoints.items():
        if endpoint.verified:
            yield f"endpoints.{name}.host", endpoint.host
            yield f"endpoints.{name}.port", endpoint.port
            yield f"endpoints.{name}.tls", endpoint.tls
            yield f"endpoints.{name}.ways", tuple(f"{one.host}:{one.port} {one.tls}" for one in (endpoint, *endpoint.alternatives))
            yield f"endpoints.{name}.until", _text(endpoint.until)
    for name, limit in spec.limits.items():
        if limit.verified and limit.value is not None:
            yield f"limits.{name}", limit.value


def _text(moment: Any) -> str | None:
    return None if moment is None else instant.text(moment)
