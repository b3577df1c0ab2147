"""`plan --online`: which server Autodiscover names for mailboxes that the plan concerns, as they will be after it.

Asked is only what needs no credentials, over TLS: what is declared has not been agreed to yet, and whoever writes an address or a
`discovery.hosts` into a pull request must not be shown the account of a profile. Nothing is written; who applies the plan pins.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from reconcile.errors import ReconcileError
from reconcile.model.change import Adopt, Change, Create, Note, Plan, Update
from reconcile.model.discovered import Discovered
from reconcile.model.key import Key
from reconcile.model.shortfall import FutureRow, Shortfall
from reconcile.ports.target import AppliedResource
from reconcile.settings import Settings
from reconcile.wiring.permits import permits_by_key

if TYPE_CHECKING:
    from reconcile.mail.autodiscover.discovery import Outside
    from reconcile.mail.autodiscover.found import Discovery
    from reconcile.model.discovered_server import DiscoveredServer
    from reconcile.store.sqlite.database import Database
    from reconcile.sync.decide.permitted import Permits

#: Mailboxes that one plan asks for, at a time, and seconds for all of them and for one step.
MOST: Final = 64
_AT_ONCE: Final = 8
_WHOLE: Final = 20.0
_STEP: Final = 5.0
_FIELD: Final = "autodiscover"
_TOO_MANY: Final = "a plan asks for {most} mailboxes at most; `reconcile lint --online` asks for all after the apply"


class _Asked(NamedTuple):
    mailbox: AppliedResource
    profile: AppliedResource
    #: None where it was not asked in time.
    answer: Discovery | ReconcileError | None


class PlanDiscovering:
    """`deciding` is handed to what plans, then `told` what it planned. `outside` is replaced in tests, and nowhere else."""

    def __init__(
        self,
        settings: Settings,
        database: Database | None,
        environment: str,
        *,
        outside: Outside | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._database = database
        self._permits: Permits = permits_by_key(settings, database, environment)
        self._outside = outside
        self._clock = clock
        self._asked: list[_Asked] = []
        self._too_many: set[Key] = set()
        #: Mailboxes of which a note says already that no server is known.
        self._told: set[Key] = set()
        self._at = ""

    def deciding(self, rows: Sequence[FutureRow], mailboxes: Collection[Key]) -> Sequence[Shortfall]:
        """See `reconcile.model.shortfall.Deciding`: over what Autodiscover names now."""
        from reconcile.sync.decide.shortfalls import shortfalls

        self._ask(rows, mailboxes)
        servers = dict(self._permits.servers)
        for one in self._found():
            # What is pinned stays in force until a person tries the other one.
            servers.setdefault(str(one.key), _as_pinned(one))
        short = shortfalls(rows, mailboxes, permits=replace(self._permits, servers=servers))
        why = {Key.parse(one.mailbox.external_id): _in_vain(one.answer) for one in self._asked}
        why |= dict.fromkeys(self._too_many, f"Autodiscover was not asked: {_TOO_MANY.format(most=MOST)}")
        self._told = {one.mailbox for one in short if one.field == _FIELD and why.get(one.mailbox)}
        return [replace(one, message=why[one.mailbox]) if one.field == _FIELD and one.mailbox in self._told else one for one in short]

    def told(self, plan: Plan) -> Plan:
        """The plan with what was named: beside the changes, and for whoever applies it."""
        found = {one.key: one for one in self._found()}
        changes = tuple(_with_words(change, found.get(change.key)) for change in plan.changes)
        beside = {change.key for change in changes}
        notes = [*self._of_others([one for one in found.values() if one.key not in beside]), *self._left_out()]
        new = sum(not one.before for one in found.values())
        if new:
            words = "1 server that Autodiscover named is" if new == 1 else f"{new:,} servers that Autodiscover named are"
            notes.append(Note(message=f"{words} pinned when this plan is applied from its file (--out)"))
        return replace(plan, changes=changes, notes=(*plan.notes, *notes), discovered=tuple(found.values()))

    def _ask(self, rows: Sequence[FutureRow], mailboxes: Collection[Key]) -> None:
        from concurrent.futures import ThreadPoolExecutor

        from reconcile.model import instant
        from reconcile.wiring.discovering import profile_of
        from reconcile.wiring.system import SystemClock

        self._at = instant.text(SystemClock().now().replace(microsecond=0))
        around = [_resource(row) for row in rows if row.key.kind != "Mailbox"]
        wanted = []
        for row in rows:
            if row.key not in mailboxes or row.spec.get("state") == "inactive" or not row.spec.get("emailAddress"):
                continue
            profile = profile_of(mailbox := _resource(row), around)
            if profile is not None and profile.spec.get(_FIELD) is True:
                wanted.append((mailbox, profile))
        chosen = _spread(wanted)[:MOST]
        self._too_many = {Key.parse(mailbox.external_id) for mailbox, _ in wanted} - {Key.parse(one.external_id) for one, _ in chosen}
        if not chosen:
            return
        until = self._clock() + _WHOLE
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="autodiscover") as pool:
            answers = list(pool.map(lambda pair: self._answer(*pair, until=until), chosen))
        self._asked = [_Asked(mailbox, profile, answer) for (mailbox, profile), answer in zip(chosen, answers, strict=True)]

    def _answer(self, mailbox: AppliedResource, profile: AppliedResource, *, until: float) -> Discovery | ReconcileError | None:
        from reconcile.mail.autodiscover.discovery import Discoverer, Outside
        from reconcile.model.secret import SecretRef
        from reconcile.wiring.discovering import rules_of
        from reconcile.wiring.secrets import secret_resolver

        def over() -> bool:
            return self._clock() >= until

        if over():
            return None
        authority = profile.spec.get("incoming.caCertificate")
        try:
            pem = secret_resolver(self._settings).resolve(SecretRef.parse(str(authority))).reveal() if authority else None
        except ReconcileError as error:
            return error
        found = Discoverer(
            # What comes over plain http could be anybody's, and applying the plan would confirm it.
            rules=replace(rules_of(profile, self._database), plain_http=False),
            sign_in=None,
            random=lambda: 0.0,
            authority=pem,
            timeout=min(self._settings.connect_timeout, _STEP),
            outside=self._outside or Outside(),
            over=over,
        ).discover(str(mailbox.spec.get("emailAddress")))
        return None if over() and not found.url else found

    def _found(self) -> Iterator[Discovered]:
        for one in self._asked:
            if one.answer is None or isinstance(one.answer, ReconcileError) or not one.answer.url:
                continue
            known = self._permits.servers.get(one.mailbox.external_id)
            yield Discovered(
                key=Key.parse(one.mailbox.external_id),
                address=one.answer.address,
                url=one.answer.url,
                method=str(one.answer.method),
                at=self._at,
                before=known.url if known is not None else "",
                before_at=known.at if known is not None else "",
            )

    def _of_others(self, found: Sequence[Discovered]) -> Iterator[Note]:
        """Of mailboxes that do not change themselves, once for each server."""
        from reconcile.plan.consequences.words import mailboxes, some

        by_words: dict[str, list[str]] = {}
        for one in found:
            by_words.setdefault(_words(one), []).append(one.key.name)
        for words, names in by_words.items():
            yield Note(message=f"{words}: {mailboxes(len(names))} ({some(sorted(names))})")

    def _left_out(self) -> Iterator[Note]:
        from reconcile.plan.consequences.words import mailboxes, some

        # Of who falls short for want of a server a note tells why; where a pin holds, or no mail is asked for, nobody else would.
        rest = sorted(self._too_many - self._told)
        if rest:
            words = f"Autodiscover was not asked for {mailboxes(len(rest))} ({some([key.name for key in rest])})"
            yield Note(message=f"{words}: {_TOO_MANY.format(most=MOST)}")
        by_words: dict[str, list[str]] = {}
        for one in self._asked:
            if (words := _in_vain(one.answer)) and Key.parse(one.mailbox.external_id) not in self._told:
                held = "; what is pinned stays in force" if one.mailbox.external_id in self._permits.servers else ""
                by_words.setdefault(words + held, []).append(one.mailbox.name)
        for words, names in by_words.items():
            yield Note(message=f"{words}: {mailboxes(len(names))} ({some(sorted(names))})")


def _resource(row: FutureRow) -> AppliedResource:
    return AppliedResource(kind=row.key.kind, name=row.key.name, external_id=str(row.key), spec=row.spec, origins={})


def _as_pinned(one: Discovered) -> DiscoveredServer:
    from reconcile.model.discovered_server import DiscoveredServer

    return DiscoveredServer(mailbox_id=str(one.key), address=one.address, url=one.url, method=one.method, at=one.at, by="")


def _spread(wanted: Sequence[tuple[AppliedResource, AppliedResource]]) -> list[tuple[AppliedResource, AppliedResource]]:
    """One of each profile and mail domain first: they are alike, mostly."""
    rounds: dict[tuple[str, str], int] = {}
    ranked = []
    for mailbox, profile in sorted(wanted, key=lambda pair: pair[0].name):
        alike = profile.name, str(mailbox.spec["emailAddress"]).rpartition("@")[2].lower()
        rounds[alike] = rounds.get(alike, -1) + 1
        ranked.append((rounds[alike], mailbox.name, (mailbox, profile)))
    return [pair for _, _, pair in sorted(ranked, key=lambda one: one[:2])]


def _in_vain(answer: Discovery | ReconcileError | None) -> str:
    """Why no server is known, and what to do; "" where one is."""
    after = "`reconcile test-mailbox` asks with credentials after the apply"
    if answer is None:
        return f"Autodiscover was not asked: the {_WHOLE:g} s for that were over; {after}"
    if isinstance(answer, ReconcileError):
        return f"Autodiscover was not asked: {answer.message}" + (f"; {answer.hint}" if answer.hint else "")
    if answer.url:
        return ""
    # Forms that need credentials, which nobody is shown here, say nothing about the server.
    # The address stands in what is asked for JSON; without it the same cause reads the same for every mailbox.
    asked = [one for one in answer.asked if "nothing to sign in with" not in one.words]
    steps = [f"{one.where.partition('/v1.0/')[0]}: {one.words}" for one in asked]
    kept = len(steps) < len(answer.asked)
    then = after if kept else answer.hint[:1].lower() + answer.hint[1:].rstrip(".")
    return f"without credentials Autodiscover names no server ({'; '.join(steps)}); {then}"


def _words(one: Discovered) -> str:
    if one.changed:
        return f"Autodiscover names {one.url} now; {one.before}, pinned since {one.before_at[:10]}, stays in force"
    return f"Autodiscover names {one.url}" + (", as it is pinned" if one.before else "")


def _with_words(change: Change, one: Discovered | None) -> Change:
    if one is None or not isinstance(change, (Create, Adopt, Update)):
        return change
    return replace(change, consequences=(*change.consequences, _words(one)))
