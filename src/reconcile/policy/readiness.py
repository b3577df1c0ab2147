"""Which profiles and mailboxes stop working on which date, and what is missing: rules judged at today and at each milestone. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding, Severity
from reconcile.model.key import Key
from reconcile.model.resource import DesiredState, Lifecycle, Resource
from reconcile.policy import cel
from reconcile.policy.evaluate import evaluate
from reconcile.policy.readiness_topics import Milestone, Topic
from reconcile.policy.rule import RuleBook
from reconcile.policy.variables import vocabulary
from reconcile.policy.world import MISSING, World, plain

_PROFILE = "EmailServerProfile"


class Standing(StrEnum):
    """How a profile stands. ATTENTION: nothing is certain to stop it, but something is missing or not known."""

    STOPPED = "stopped"
    STOPS = "stops"
    ATTENTION = "attention"
    READY = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """One finding, and `start`, the first judged instant at which it is there; None for what is there today."""

    finding: Finding
    start: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """One profile. `stops` is the first judged instant at which something is an error, in the past for what has stopped already (then
    None where no milestone lies before today); `mailboxes` are (name, address) of those that are synchronised and share its fate."""

    key: Key
    display_name: str
    server_type: str
    server: str
    standing: Standing
    stops: datetime | None
    mailboxes: tuple[tuple[str, str], ...]
    lacks: tuple[Lack, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """`profiles` are those that the topic concerns, the most urgent first; `held` counts what has errors and could not be judged;
    `elsewhere` are (name, displayName, mailboxes) of the profiles that others manage and mailboxes are synchronised by: nobody knows of
    them."""

    topic: Topic
    environment: str
    today: datetime
    profiles: tuple[Affected, ...]
    held: int
    elsewhere: tuple[tuple[str, str, int], ...] = ()

    def stopping(self, milestone: Milestone) -> Sequence[Affected]:
        """The profiles that stop, or have stopped, on this date."""
        return [one for one in self.profiles if one.stops == milestone.start]

    def standing(self, standing: Standing) -> Sequence[Affected]:
        """The profiles that stand so."""
        return [one for one in self.profiles if one.standing is standing]


def readiness(topic: Topic, book: RuleBook, desired: DesiredState, *, today: datetime, clock: Callable[[], float]) -> Readiness:
    """`book` are the rules that count for the topic, as they come: an estate that switches one off is no readier for it."""
    world = World(desired)
    instants = sorted({today, *(one.start for one in topic.milestones)})
    found = {moment: _by_profile(evaluate(book, desired, today=moment, clock=clock).findings, world) for moment in instants}
    mailboxes = _synchronized(world)
    concerned = {one.key.name for one in _concerned(topic, world)}
    profiles = []
    for one in world.objects(_PROFILE):
        name = one.key.name
        if name in concerned or any(name in findings for findings in found.values()):
            theirs = {moment: findings.get(name, ()) for moment, findings in found.items()}
            stops = _stops(theirs, today, [milestone.start for milestone in topic.milestones])
            profiles.append(_affected(one, theirs, mailboxes.get(name, ()), today, stops))
    order = [*Standing]
    profiles.sort(key=lambda one: (order.index(one.standing), one.stops is None, one.stops or today, -len(one.mailboxes), one.key.name))
    return Readiness(
        topic=topic,
        environment=desired.environment,
        today=today,
        profiles=tuple(profiles),
        held=len(desired.held),
        elsewhere=tuple(_elsewhere(desired, mailboxes)),
    )


def _elsewhere(desired: DesiredState, mailboxes: Mapping[str, Sequence[object]]) -> Iterator[tuple[str, str, int]]:
    """Silence about them would read as if their mailboxes were ready."""
    for key, one in sorted(desired.resources.items()):
        if key.kind == _PROFILE and one.lifecycle is Lifecycle.EXTERNAL and mailboxes.get(key.name):
            yield key.name, str(one.spec.get("displayName") or ""), len(mailboxes[key.name])


def _affected(
    profile: Resource,
    found: Mapping[datetime, Sequence[Finding]],
    mailboxes: Sequence[tuple[str, str]],
    today: datetime,
    stops: datetime | None,
) -> Affected:
    shown = [Lack(finding=finding) for finding in found[today]]
    known = {_identity(finding) for finding in found[today]}
    for moment in sorted(moment for moment in found if moment > today):
        for finding in found[moment]:
            if _identity(finding) not in known:
                known.add(_identity(finding))
                shown.append(Lack(finding=finding, start=moment))
    worst = max((finding.severity for finding in found[today]), default=Severity.INFORMATION)
    if worst is Severity.ERROR:
        standing = Standing.STOPPED
    elif stops is not None:
        standing = Standing.STOPS
    else:
        standing = Standing.ATTENTION if worst is Severity.WARNING else Standing.READY
    everywhere = [finding for findings in found.values() for finding in findings]
    # Findings of single mailboxes alone leave the others of their profile as they are.
    single = {finding.resource.name for finding in everywhere if finding.resource is not None and finding.resource.kind == "Mailbox"}
    whole = any(finding.resource is None or finding.resource.kind != "Mailbox" for finding in everywhere) or not everywhere
    return Affected(
        key=profile.key,
        display_name=str(profile.spec.get("displayName") or ""),
        server_type=str(profile.spec.get("serverType") or ""),
        server=str(profile.spec.get("incoming.server") or ""),
        standing=standing,
        stops=stops,
        mailboxes=tuple(one for one in mailboxes if whole or one[0] in single),
        lacks=tuple(shown),
    )


def _stops(found: Mapping[datetime, Sequence[Finding]], today: datetime, milestones: Collection[datetime]) -> datetime | None:
    """The instant from which on there is an error: where there is one today, the first of those without a break before it."""
    wrong = {moment: any(finding.severity is Severity.ERROR for finding in findings) for moment, findings in found.items()}
    if not wrong[today]:
        return next((moment for moment in sorted(wrong) if moment > today and wrong[moment]), None)
    since = None
    for moment in sorted((moment for moment in wrong if moment <= today), reverse=True):
        if not wrong[moment]:
            break
        since = moment
    return since if since in milestones else None


def _identity(finding: Finding) -> tuple[str, Key | None]:
    return finding.rule, finding.resource


def _by_profile(findings: Sequence[Finding], world: World) -> Mapping[str, Sequence[Finding]]:
    """A profile's own findings and those of its mailboxes."""
    names = dict(zip(world.names("Mailbox"), world.column("Mailbox", "mailbox.profile", world.objects("Mailbox")), strict=True))
    grouped: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.resource is None:
            continue
        name = finding.resource.name if finding.resource.kind == _PROFILE else names.get(finding.resource.name)
        if name:
            grouped.setdefault(name, []).append(finding)
    return grouped


def _synchronized(world: World) -> Mapping[str, Sequence[tuple[str, str]]]:
    """Name of a profile → (name, address) of the active mailboxes with a method that is server-side."""
    mailboxes = world.objects("Mailbox")
    fields = ("profile", "emailAddress", "state", "incoming", "outgoing", "appointmentsContactsTasks")
    found: dict[str, list[tuple[str, str]]] = {}
    columns = [world.column("Mailbox", f"mailbox.{field}", mailboxes) for field in fields]
    for one, (profile, address, state, *methods) in zip(mailboxes, zip(*columns, strict=True), strict=True):
        if profile and state == "active" and "server-side" in methods:
            found.setdefault(profile, []).append((one.key.name, str(address)))
    return found


def _concerned(topic: Topic, world: World) -> Iterator[Resource]:
    variables = vocabulary(_PROFILE)
    program = cel.check(topic.concerns, variables, boolean=True)
    assert isinstance(program, cel.Program), program
    run = cel.load(program.code)
    objects = world.objects(_PROFILE)
    columns = [world.column(_PROFILE, name, objects) for name in program.reads]
    for one, values in zip(objects, zip(*columns, strict=True), strict=True):
        named = dict(zip(program.reads, values, strict=True))
        if MISSING not in named.values() and run({name: plain(_PROFILE, name, value) for name, value in named.items()}) is True:
            yield one
