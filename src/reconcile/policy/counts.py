"""What rules need as numbers and short lists over many objects, counted in Python, because loops over thousands are refused in rules. Pure.

To add a number about profiles or organizations, add an entry to `_OF_MAILBOXES`: a name, what it counts, the fields of a mailbox it looks
at (its own, or `profile.` fields of its profile; mailboxes that are `alike` must agree in them), and when a mailbox counts. Everything else
is a function of an environment that gives name of object → value. Nothing is counted that no rule reads.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import compress, islice, repeat
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from reconcile.lazy_dataclass import dataclass
from reconcile.model.mail_address import ascii_domain, mailbox_identity
from reconcile.model.resource import Resource
from reconcile.policy.countable import Countable
from reconcile.policy.lookalikes import skeletons
from reconcile.policy.variable import Type, Variable

#: Name of an object → what was counted for it; objects that are missing have `default`.
Counted = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """`of` counts for all objects of the kind at once; `default` is the value of those it says nothing about."""

    variable: Variable
    default: Any
    of: Callable[[Countable], Counted]


class _Mailboxes(NamedTuple):
    name: str
    says: str
    fields: tuple[str, ...] = ()
    where: Callable[..., bool] = lambda *_: True


def _syncs(incoming: str, outgoing: str, act: str) -> bool:
    return "server-side" in (incoming, outgoing, act) or incoming == "forward-mailbox"


def _goes(state: str, way: str) -> bool:
    return (state, way) == ("active", "server-side")


_METHODS: Final = ("incoming", "outgoing", "appointmentsContactsTasks")
#: Whether they are set: what they say is each mailbox's own.
_SECRETS: Final = ("credentials.password.ref?", "credentials.refreshToken.ref?")


def _by_password(password: bool | None, token: bool | None) -> bool:
    return password is not None and token is None


#: Mailboxes of a profile, or of the whole organization.
_OF_MAILBOXES: Final[tuple[_Mailboxes, ...]] = (
    _Mailboxes("mailboxes", "Mailboxes."),
    _Mailboxes("active", "Mailboxes whose state is active.", ("state",), lambda state: state == "active"),
    _Mailboxes(
        "synchronized",
        "Active mailboxes with at least one method that is server-side.",
        ("state", *_METHODS),
        lambda state, *ways: state == "active" and _syncs(*ways),
    ),
    _Mailboxes("users", "Mailboxes of users.", ("type",), lambda owner: owner == "user"),
    _Mailboxes("queues", "Mailboxes of queues.", ("type",), lambda owner: owner == "queue"),
    _Mailboxes("forward", "Forward mailboxes.", ("type",), lambda owner: owner == "forward"),
    _Mailboxes(
        "forwardReceiving",
        "Active forward mailboxes that receive server-side.",
        ("state", "type", "incoming"),
        lambda state, owner, way: (state, owner, way) == ("active", "forward", "server-side"),
    ),
    _Mailboxes("incoming", "Active mailboxes that receive server-side.", ("state", "incoming"), _goes),
    _Mailboxes("outgoing", "Active mailboxes that send server-side.", ("state", "outgoing"), _goes),
    _Mailboxes(
        "appointments",
        "Active mailboxes whose appointments, contacts and tasks are synchronised server-side.",
        ("state", "appointmentsContactsTasks"),
        _goes,
    ),
    _Mailboxes("outlook", "Mailboxes with at least one method that is outlook.", _METHODS, lambda *ways: "outlook" in ways),
    _Mailboxes("deleting", "Mailboxes with deleteAfterProcessing.", ("deleteAfterProcessing",), lambda deletes: deletes),
    _Mailboxes("dated", "Mailboxes with a processEmailFrom of their own.", ("processEmailFrom",), lambda date: date is not None),
    _Mailboxes("usernames", "Mailboxes with a user name of their own.", ("credentials.username?",), lambda name: name is not None),
    _Mailboxes("passwords", "Mailboxes with a password of their own.", ("credentials.password.ref?",), lambda ref: ref is not None),
    _Mailboxes("consenting", "Mailboxes that consent to the use of their credentials.", ("credentials.allowUse",), lambda allowed: allowed),
    _Mailboxes("unfiltered", "Mailboxes that leave the choice of the filter to the user.", ("filter",), lambda chosen: chosen is None),
    _Mailboxes(
        "online", "Mailboxes whose facts.location is exchange-online.", ("facts.location",), lambda place: place == "exchange-online"
    ),
    _Mailboxes("onPremises", "Mailboxes whose facts.location is on-premises.", ("facts.location",), lambda place: place == "on-premises"),
    _Mailboxes("bulkMailing", "Mailboxes with facts.bulkMailing.", ("facts.bulkMailing",), lambda bulk: bulk is True),
    _Mailboxes(
        "individual",
        "Active mailboxes that sign in with credentials of their own: a direction is server-side and takes those of user or queue.",
        ("state", "incoming", "outgoing", "profile.incoming.credentials", "profile.sending.credentials"),
        lambda state, incoming, outgoing, fetch, send: (
            state == "active"
            and ((incoming == "server-side" and fetch == "user-or-queue") or (outgoing == "server-side" and send == "user-or-queue"))
        ),
    ),
    _Mailboxes(
        "fetchingByPassword",
        "Active mailboxes that are fetched with a password of their own, not with a refresh token.",
        ("state", "incoming", "appointmentsContactsTasks", "profile.incoming.credentials", *_SECRETS),
        lambda state, incoming, act, fetch, *secrets: (
            state == "active" and "server-side" in (incoming, act) and fetch == "user-or-queue" and _by_password(*secrets)
        ),
    ),
    _Mailboxes(
        "sendingByPassword",
        "Active mailboxes that send with a password of their own, not with a refresh token.",
        ("state", "outgoing", "profile.sending.credentials", *_SECRETS),
        lambda state, outgoing, send, *secrets: (
            state == "active" and outgoing == "server-side" and send == "user-or-queue" and _by_password(*secrets)
        ),
    ),
    _Mailboxes(
        "earlier",
        "Mailboxes with a processEmailFrom before the one of their profile.",
        ("processEmailFrom", "profile.processEmailFrom"),
        lambda own, profile: isinstance(own, str) and isinstance(profile, str) and own.removesuffix("Z") < profile.removesuffix("Z"),
    ),
)


def _profile_of(world: Countable) -> list[Any]:
    return world.all("Mailbox", "mailbox.profile")


def _full(field: str) -> str:
    return field if field.startswith("profile.") else f"mailbox.{field}"


def _selected(world: Countable, one: _Mailboxes) -> Iterator[tuple[Any, int]]:
    """(name of the profile, number) of the combinations of mailboxes that count."""
    columns = world.combinations
    counting = map(one.where, *(columns[_full(field)] for field in one.fields)) if one.fields else repeat(True)
    return compress(zip(columns["mailbox.profile"], world.mailboxes.times, strict=True), counting)


def _by_profile(one: _Mailboxes) -> Callable[[Countable], Counted]:
    def count(world: Countable) -> Counted:
        found: Counter[Any] = Counter()
        for profile, times in _selected(world, one):
            if profile:
                found[profile] += times
        return found

    return count


def _by_organization(one: _Mailboxes) -> Callable[[Countable], Counted]:
    def count(world: Countable) -> Counted:
        # A forward mailbox that somebody else keeps collects mail as well, unless its document says that it does not.
        others = sum(map(_may_collect, world.foreign)) if one.name == "forwardReceiving" else 0
        return dict.fromkeys(world.names("Organization"), others + sum(times for _, times in _selected(world, one)))

    return count


def _may_collect(one: Resource) -> bool:
    return (
        one.spec.get("type") == "forward"
        and one.spec.get("state", "active") == "active"
        and one.spec.get("incoming", "server-side") == "server-side"
    )


def _start_dates(world: Countable) -> Counted:
    dates: dict[str, set[str]] = defaultdict(set)
    columns = world.combinations
    for profile, date in zip(columns["mailbox.profile"], columns["mailbox.processEmailFrom"], strict=True):
        if profile and date:
            dates[profile].add(date)
    return {profile: len(found) for profile, found in dates.items()}


def _sharing(field: str, *, fold: Callable[[str], str] = str.casefold, active: bool = False) -> Callable[[Countable], Counted]:
    """Names of the other mailboxes with the same value, or of the other active ones."""

    def count(world: Countable) -> Counted:
        mailboxes = world.objects("Mailbox")
        values = world.all("Mailbox", f"mailbox.{field}")
        said = [*map(fold, filter(None, values))]
        if len({*said}) == len(said):
            return {}
        groups: dict[str, list[str]] = defaultdict(list)
        states = world.all("Mailbox", "mailbox.state")
        for one, value, state in zip(mailboxes, values, states, strict=True):
            if value and (state == "active" or not active):
                groups[fold(value)].append(one.key.name)
        shared = [sorted(names) for names in groups.values() if len(names) > 1]
        # Thousands may share one value, so no more is looked at than is handed on.
        return {name: tuple(other for other in names[: _MOST + 1] if other != name)[:_MOST] for names in shared for name in names}

    return count


#: Longest list that is handed to a rule.
_MOST: Final = 20


def _lookalikes(world: Countable) -> Counted:
    """Other mailboxes whose address reads the same but is another."""
    addresses = [str(address or "") for address in world.all("Mailbox", "mailbox.emailAddress")]
    # One address is one mailbox, so most have a skeleton of their own.
    alike = skeletons(addresses)
    several = {one for one, times in Counter(alike).items() if times > 1}
    groups: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for name, address, one in zip(world.names("Mailbox"), addresses, alike, strict=True) if several else ():
        if address and one in several:
            groups[one].setdefault(mailbox_identity(address), []).append(name)
    found: dict[str, tuple[str, ...]] = {}
    for group in groups.values():
        if len(group) > 1:
            ordered = sorted((name, address) for address, names in group.items() for name in names)
            for address, names in group.items():
                others = islice((name for name, different in ordered if different != address), _MOST)
                found.update(dict.fromkeys(names, tuple(others)))
    return found


def _elsewhere(world: Countable) -> Counted:
    """Names of the other environments in which a mailbox with the same address is active and synchronised."""
    if not world.others:
        return {}
    here: dict[str, list[str]] = defaultdict(list)
    mailboxes = world.objects("Mailbox")
    for one, address in zip(mailboxes, world.all("Mailbox", "mailbox.emailAddress"), strict=True):
        if address:
            here[mailbox_identity(address)].append(one.key.name)
    found: dict[str, set[str]] = defaultdict(set)
    for other in world.others:
        for address in here.keys() & other.counted(_synchronized_addresses).keys():
            for name in here[address]:
                found[name].add(other.environment)
    return {name: tuple(sorted(environments)) for name, environments in found.items()}


def _synchronized_addresses(world: Countable) -> Counted:
    columns = [world.all("Mailbox", f"mailbox.{field}") for field in ("emailAddress", "state", *_METHODS)]
    rows = zip(*columns, strict=True)
    return {mailbox_identity(address): True for address, state, *ways in rows if address and state == "active" and _syncs(*ways)}


def _outside(world: Countable) -> Counted:
    """Whether the domain of a mailbox is none of organization.ownedDomains nor below one of them, where that says any."""
    organization = world.single("Organization")
    owned = organization.get("ownedDomains") if organization is not None else None
    if not owned:
        return {}
    mailboxes = world.objects("Mailbox")
    domains = world.all("Mailbox", "mailbox.domain")
    known = {ascii_domain(name) for name in owned}
    return {one.key.name: True for one, domain in zip(mailboxes, domains, strict=True) if domain and known.isdisjoint(_upward(domain))}


def _upward(domain: str) -> Iterator[str]:
    """The domain, in the form in which domains are compared, and those that it is below."""
    labels = ascii_domain(domain).split(".")
    return (".".join(labels[place:]) for place in range(len(labels)))


def _same_elsewhere(path: str) -> Callable[[Countable], Counted]:
    """Names of the other environments whose organization has the same value."""

    def count(world: Countable) -> Counted:
        own = world.single("Organization")
        value = own.get(path) if own is not None else None
        if value is None:
            return {}
        names = [
            other.environment
            for other in world.others
            if (theirs := other.single("Organization")) is not None and theirs.get(path) == value
        ]
        return dict.fromkeys(world.names("Organization"), tuple(sorted(names)))

    return count


def _mailing_everybody(world: Countable) -> Counted:
    """Names of the other environments that may mail everybody."""
    others = ((other.environment, other.single("Environment")) for other in world.others)
    names = [name for name, values in others if values is not None and "*" in (values.get("allowedRecipients") or ())]
    return dict.fromkeys(world.names("Environment"), tuple(sorted(names)))


def _profiles(where: Callable[[Mapping[str, Any]], bool] = lambda _: True) -> Callable[[Countable], Counted]:
    return lambda world: dict.fromkeys(world.names("Organization"), sum(1 for values in world.profiles.values() if where(values)))


def _default_server_type(world: Countable) -> Counted:
    own = world.single("Organization")
    profile = world.profiles.get(own.get("defaults.profile") or "") if own is not None else None
    return dict.fromkeys(world.names("Organization"), profile.get("serverType") if profile is not None else None)


def _same_account(world: Countable) -> Counted:
    """Names of the other profiles that sign in at the same server with the same account."""
    accounts: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, values in world.profiles.items():
        if (user := values.get("incoming.username")) and (server := values.get("incoming.host")):
            accounts[str(server), str(user).casefold()].append(name)
    return {
        name: tuple(sorted(other for other in names if other != name)) for names in accounts.values() if len(names) > 1 for name in names
    }


def _count(name: str, says: str, of: Callable[[Countable], Counted], *, type: Type = Type.NUMBER, default: Any = 0, **more: Any) -> Count:  # noqa: A002
    return Count(variable=Variable(name=f"counts.{name}", type=type, description=says, **more), default=default, of=of)


def _names(name: str, says: str, of: Callable[[Countable], Counted]) -> Count:
    return _count(name, says, of, type=Type.TEXTS, default=())


_PROFILE: Final = (
    *(_count(one.name, f"Of this profile: {one.says}", _by_profile(one)) for one in _OF_MAILBOXES),
    _count("startDates", "Different values of processEmailFrom among the mailboxes of this profile.", _start_dates),
    _names("sameAccount", "Names of the other profiles with the same incoming.username on the same host.", _same_account),
)
_ORGANIZATION: Final = (
    *(_count(one.name, f"Of the environment: {one.says}", _by_organization(one)) for one in _OF_MAILBOXES),
    _count("profiles", "Email server profiles of the environment.", _profiles()),
    _count(
        "exchangeProfiles",
        "Profiles whose serverType is one of Exchange.",
        _profiles(lambda values: str(values.get("serverType")).startswith("exchange")),
    ),
    _count("defaultServerType", "serverType of defaults.profile.", _default_server_type, type=Type.TEXT, default=None, nullable=True),
    _names("samePrefix", "Names of the other environments with the same tracking token prefix.", _same_elsewhere("tracking.token.prefix")),
    _names(
        "sameBaseNumber",
        "Names of the other environments with the same tracking base number.",
        _same_elsewhere("tracking.token.baseNumber"),
    ),
)
_ENVIRONMENT: Final = (_names("mailingEverybody", "Names of the other environments that may mail everybody.", _mailing_everybody),)
_MAILBOX: Final = (
    _names("lookalikes", "Names of other mailboxes whose address looks the same but is another (at most 20).", _lookalikes),
    _names(
        "sameUsername",
        "Names of other active mailboxes with the same credentials.username (at most 20).",
        _sharing("credentials.username", active=True),
    ),
    _names(
        "samePassword",
        "Names of other mailboxes whose password comes from the same reference (at most 20).",
        _sharing("credentials.password.ref", fold=str),
    ),
    _names("sameDisplayName", "Names of other mailboxes with the same displayName (at most 20).", _sharing("displayName")),
    _names("elsewhere", "Names of the other environments that synchronise an active mailbox with the same address.", _elsewhere),
    _count(
        "outsideOwnedDomains",
        "Whether its domain is none of organization.ownedDomains, in whichever spelling, nor below one of them, where that says any.",
        _outside,
        type=Type.TRUTH,
        default=False,
    ),
)


def _table(counts: Iterable[Count]) -> Mapping[str, Count]:
    return MappingProxyType({one.variable.name: one for one in counts})


def _renamed(counts: Iterable[Count], prefix: str) -> Iterable[Count]:
    for one in counts:
        name = f"counts.{prefix}.{one.variable.key}"
        old = one.variable
        variable = Variable(name=name, type=old.type, nullable=old.nullable, values=old.values, description=old.description)
        yield Count(variable=variable, default=one.default, of=one.of)


#: Subject → name of a variable → how it is counted. What is said of a profile is also there for its mailboxes, as `counts.profile.NAME`,
#: and what is said of the organization for all, as `counts.organization.NAME`.
COUNTS: Final[Mapping[str, Mapping[str, Count]]] = MappingProxyType(
    {
        "Mailbox": _table((*_MAILBOX, *_renamed(_PROFILE, "profile"), *_renamed(_ORGANIZATION, "organization"))),
        "EmailServerProfile": _table((*_PROFILE, *_renamed(_ORGANIZATION, "organization"))),
        "Organization": _table(_ORGANIZATION),
        "Environment": _table((*_ENVIRONMENT, *_renamed(_ORGANIZATION, "organization"))),
    }
)
