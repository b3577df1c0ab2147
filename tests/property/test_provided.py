"""Whatever a profile says, what its provider adds fits it, overrules nothing, and is added once."""

from __future__ import annotations

from typing import Any

from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from reconcile.desired.provided import given
from reconcile.model import email_server_profile, kinds
from reconcile.model.provider_catalogue import ProviderCatalogue, host_of
from support.declared import documents

PROVIDERS = ProviderCatalogue().all()


@settings(max_examples=300)
@drawn(document=documents("EmailServerProfile"), provider=st.sampled_from(PROVIDERS))
def test_what_is_filled_in_fits(document: dict[str, Any], provider: Any) -> None:
    spec = kinds.canonical(kinds.decode("EmailServerProfile", document, time_zone="UTC"))
    values = given(provider, spec)
    assert not set(values) & set(spec)
    whole = {**spec, **values}
    typed = kinds.typed("EmailServerProfile", whole)
    assert list(email_server_profile.problems(typed)) == []  # type: ignore[arg-type]
    assert given(provider, whole) == {}
    for direction, protocol in (("incoming", typed.incoming.protocol), ("outgoing", typed.outgoing.protocol)):  # type: ignore[attr-defined]
        endpoint = provider.spec.endpoints.get(protocol)
        ways = {(one.port, one.tls) for one in (endpoint, *endpoint.alternatives)} if endpoint is not None else set()
        if f"{direction}.port" in values and f"{direction}.tls" in values:
            assert (values[f"{direction}.port"], values[f"{direction}.tls"]) in ways
        if f"{direction}.server" in values:
            assert host_of(values[f"{direction}.server"]) in {one.host for one in (endpoint, *endpoint.alternatives)}
