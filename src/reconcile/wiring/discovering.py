"""Asking Autodiscover for mailboxes whose profile leaves their server to be found, for a person, and remembering the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconcile.lazy_dataclass import dataclass
from reconcile.settings import Settings
from reconcile.wiring.permits import discovered_servers_reader
from reconcile.wiring.secrets import secret_resolver
from reconcile.wiring.sign_in import sign_ins
from reconcile.wiring.system import SystemClock

if TYPE_CHECKING:
    from reconcile.mail.autodiscover.discovery import Outside, Rules
    from reconcile.mail.autodiscover.found import Discovery
    from reconcile.model.discovered_server import DiscoveredServer
    from reconcile.model.mailbox_test import TestedStep
    from reconcile.ports.target import AppliedResource
    from reconcile.store.sqlite.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovering:
    """`resources` are the applied ones. `outside` is replaced in tests, and nowhere else."""

    settings: Settings
    database: Database
    actor: str
    resources: Sequence[AppliedResource]
    outside: Outside | None = None

    def wanted(self, mailbox: AppliedResource) -> bool:
        """Whether its server is to be found."""
        profile = self.profile_of(mailbox)
        return profile is not None and profile.spec.get("autodiscover") is True

    def discover(self, mailbox: AppliedResource) -> Discovery:
        """As far as it gets. Raises ReconcileError where what it would sign in with is not there."""
        from random import SystemRandom

        from reconcile.mail.autodiscover.discovery import Discoverer, Outside
        from reconcile.model.secret import SecretRef
        from reconcile.sync.decide.row import Refused, row
        from reconcile.sync.decide.sign_in import planned

        profile, now = self.profile_of(mailbox), _now()
        assert profile is not None, mailbox.name
        authority = profile.spec.get("incoming.caCertificate")
        signs = sign_ins(self.settings, self.database)
        try:
            plan = planned(row(mailbox, now), row(profile, now), "incoming")
        except Refused:
            # What is wrong with it is told by the test of the direction; some hosts answer without it.
            plan = None
        discoverer = Discoverer(
            rules=rules_of(profile, self.database),
            sign_in=signs.of(plan, name=mailbox.name) if plan is not None else None,
            random=SystemRandom().random,
            authority=secret_resolver(self.settings).resolve(SecretRef.parse(str(authority))).reveal() if authority else None,
            client=signs.certificate(plan) if plan is not None else None,
            timeout=self.settings.connect_timeout,
            outside=self.outside or Outside(),
        )
        return discoverer.discover(str(mailbox.spec.get("emailAddress", "")))

    def tested(self, mailbox: AppliedResource) -> tuple[TestedStep, DiscoveredServer | None]:
        """One step of a test, and what was found: it is pinned when this returns."""
        import time

        from reconcile.errors import ReconcileError
        from reconcile.model.mailbox_test import TestedStep

        started = time.monotonic()
        try:
            found = self.discover(mailbox)
        except ReconcileError as error:
            return TestedStep(name="discover", ok=False, words=error.message, hint=error.hint, seconds=time.monotonic() - started), None
        seconds = time.monotonic() - started
        if not found.url:
            words = "; ".join(f"{each.where}: {each.words}" for each in found.asked)
            return TestedStep(name="discover", ok=False, words=words, hint=found.hint, seconds=seconds), None
        server = self._pinned(mailbox, found)
        before = discovered_servers_reader(self.database).discovered().get(mailbox.external_id)
        self._pin(server, mailbox.name)
        words = f"{found.url}, named by {found.asked[-1].where}"
        if before is not None and before.url != server.url:
            words += f"; before it was {before.url} ({before.at[:10]})"
        return TestedStep(name="discover", ok=True, words=words, seconds=seconds), server

    def _pinned(self, mailbox: AppliedResource, found: Discovery) -> DiscoveredServer:
        from reconcile.model.discovered_server import DiscoveredServer

        return DiscoveredServer(
            mailbox_id=mailbox.external_id, address=found.address, url=found.url, method=str(found.method), at=_now(), by=self.actor
        )

    def _pin(self, server: DiscoveredServer, name: str) -> None:
        from reconcile.store.sqlite.discovered_servers import SqliteDiscoveredServers

        SqliteDiscoveredServers(self.database).pin(server, name=name)

    def profile_of(self, mailbox: AppliedResource) -> AppliedResource | None:
        """The applied one, of the mailbox or of the organization for all."""
        return profile_of(mailbox, self.resources)


def profile_of(mailbox: AppliedResource, resources: Sequence[AppliedResource]) -> AppliedResource | None:
    """Of the mailbox, or of the organization for all."""
    organization = next((one for one in resources if one.kind == "Organization"), None)
    slug = mailbox.spec.get("profile") or (organization.spec.get("defaults.profile") if organization is not None else None)
    return next((one for one in resources if one.kind == "EmailServerProfile" and one.name == slug), None)


def rules_of(profile: AppliedResource, database: Database | None) -> Rules:
    """Where Autodiscover may go for a profile. Hosts that were pinned before, a person has seen."""
    from ipaddress import ip_network

    from reconcile.mail.autodiscover.discovery import Rules
    from reconcile.mail.autodiscover.host_policy import host_of

    spec = profile.spec
    hosts, networks = spec.get("discovery.hosts"), spec.get("discovery.privateNetworks")
    confirmed = {host_of(each.url) for each in discovered_servers_reader(database).discovered().values()}
    return Rules(
        hosts=tuple(map(str, hosts)) if isinstance(hosts, tuple) else (),
        private_networks=tuple(ip_network(str(each)) for each in networks) if isinstance(networks, tuple) else (),
        root_domain=spec.get("discovery.rootDomain") is True,
        plain_http=spec.get("discovery.plainHttp") is True,
        confirmed=frozenset(confirmed),
    )


def _now() -> str:
    from reconcile.model import instant

    return instant.text(SystemClock().now())
