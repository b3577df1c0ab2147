"""What rules see: the objects of one environment, and the value of any variable for many of them at once. Pure.

A variable is asked for as a column (a list with one value an object), because rules are judged over columns: a plain list of what ten
thousand mailboxes say of one field costs less than looking at ten thousand mailboxes. Lists are tuples and maps are tuples of pairs
here, so that values can be told apart by a dictionary.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, Final

from reconcile.desired.organization_defaults import DEFAULTS, organization_defaults
from reconcile.model import duration, kinds
from reconcile.model.key import Key
from reconcile.model.resource import DesiredState, Lifecycle, Resource
from reconcile.policy.alike import Alike, alike, shared
from reconcile.policy.computed import COMPUTED
from reconcile.policy.provider_facts import facts
from reconcile.policy.variable import PREFIXES, Type, Variable
from reconcile.policy.variables import own_variables, variable
from reconcile.policy.view import View


class _Missing:
    """Stands for what nobody knows; a rule that reads it is not judged."""

    def __repr__(self) -> str:
        return "not known"


MISSING: Final = _Missing()
_NOTHING: Final[Mapping[str, Any]] = {}


class World:
    """One environment as rules see it. `others` gives the other environments of the estate."""

    def __init__(self, desired: DesiredState, *, others: Callable[[], Sequence[World]] = tuple) -> None:
        self.desired = desired
        self.environment = desired.environment
        self._others = others
        of: defaultdict[str, list[Resource]] = defaultdict(list)
        for key, resource in desired.resources.items():
            of[key.kind].append(resource)
        self._of_kind: Mapping[str, list[Resource]] = of
        environment = next(iter(of["Environment"]), None)
        self._keeps = environment is not None and environment.spec.get("target.type") == "snapshot"
        #: Name → key of a variable → value, external profiles too: of those, what was not written is not there.
        self.profiles: Mapping[str, Mapping[str, Any]] = {
            one.key.name: _values("EmailServerProfile", one, self._keeps) for one in of["EmailServerProfile"]
        }
        self._singles = {kind: self._single(kind) for kind in ("Organization", "Environment")}
        #: How something is counted → what came of it; what is said of a profile is also said to its mailboxes.
        self._counted: dict[Callable[[World], Mapping[str, Any]], Mapping[str, Any]] = {}
        self._columns: dict[tuple[str, str], list[Any]] = {}
        organization = self._singles["Organization"] or _NOTHING
        self._gives = any(organization.get(f"defaults.{path}") is not None for path in DEFAULTS)
        self._given: dict[tuple[Any, ...], Mapping[str, Any]] = {}
        self._last: tuple[Sequence[Resource], list[Any]] = ((), [])

    @cached_property
    def others(self) -> Sequence[World]:
        """The other environments of the estate, read when a rule first asks."""
        return self._others()

    @cached_property
    def _providers(self) -> Mapping[str, Mapping[str, Any]]:
        """Name of a profile → what is known of its provider."""
        from reconcile.model.mail_provider import MailProviderSpec
        from reconcile.model.provider_catalogue import ProviderCatalogue

        own = {key.name: one.document.spec for key, one in self.desired.policies.items() if key.kind == "MailProvider"}
        catalogue = ProviderCatalogue(own={name: spec for name, spec in own.items() if isinstance(spec, MailProviderSpec)})
        return {name: facts(catalogue.recognise(self.desired.resources[Key("EmailServerProfile", name)].spec)) for name in self.profiles}

    def objects(self, kind: str) -> list[Resource]:
        """The subjects of rules over a kind, in the order of their names: what belongs to somebody else is none."""
        return self._objects[kind]

    @cached_property
    def _objects(self) -> Mapping[str, list[Resource]]:
        return {kind: [one for one in self._of_kind.get(kind, ()) if one.lifecycle is not Lifecycle.EXTERNAL] for kind in PREFIXES}

    @property
    def foreign(self) -> list[Resource]:
        """Mailboxes that somebody else keeps."""
        return [one for one in self._of_kind.get("Mailbox", ()) if one.lifecycle is Lifecycle.EXTERNAL]

    def names(self, kind: str) -> list[str]:
        """metadata.name of those."""
        return [one.key.name for one in self._objects[kind]]

    def single(self, kind: str) -> Mapping[str, Any] | None:
        """The values of the Organization or Environment; None where there is none."""
        return self._singles[kind]

    def constant(self, subject: str, variable: str) -> bool:
        """Whether it has one value for all objects of the kind."""
        prefix = variable.partition(".")[0]
        if prefix == "counts":
            return variable.startswith("counts.organization.") or self._nothing_counted(subject, variable)
        return prefix in ("organization", "environment") and PREFIXES[subject] != prefix

    def alike(self, subject: str, variables: Iterable[str]) -> Alike | None:
        """Which of them agree in all of the variables (`NAME?`: in whether it is null); None where that is not known."""
        return self.mailboxes if subject == "Mailbox" and all(map(shared, variables)) else None

    @cached_property
    def mailboxes(self) -> Alike:
        """Those that rules look at, by what they say."""
        return alike(self._objects["Mailbox"])

    @cached_property
    def combinations(self) -> Columns:
        """The columns of the first mailbox of each combination."""
        return Columns(self, "Mailbox", self.mailboxes.first)

    def column(self, subject: str, variable: str, objects: Sequence[Resource]) -> list[Any]:
        """The value of the variable for each object of the kind; MISSING where it is not known. Raises KeyError for no variable."""
        prefix, _, key = variable.partition(".")
        match prefix:
            case "mailbox":
                return self._mailbox(key, objects)
            case "profile" | "provider":
                tables = self._profiles_of(subject, objects)
                if prefix == "provider":
                    tables = [self._providers.get(str(table.get("name")), _NOTHING) for table in tables]
                return [table.get(key, MISSING) for table in tables]
            case "organization" | "environment":
                values = self._singles["Organization" if prefix == "organization" else "Environment"]
                return [MISSING if values is None else values.get(key, MISSING)] * len(objects)
            case "counts":
                return self._counts(subject, variable, objects)
            case _:
                raise KeyError(variable)

    def all(self, subject: str, variable: str) -> list[Any]:
        """The column of all objects of the kind, kept for whoever counts something else."""
        found = self._columns.get((subject, variable))
        if found is None:
            found = self._columns[subject, variable] = self.column(subject, variable, self.objects(subject))
        return found

    def counted(self, of: Callable[[World], Mapping[str, Any]]) -> Mapping[str, Any]:
        """What comes of counting that way, counted once."""
        found = self._counted.get(of)
        if found is None:
            found = self._counted[of] = of(self)
        return found

    def _single(self, kind: str) -> Mapping[str, Any] | None:
        found = self._of_kind.get(kind)
        return _values(kind, found[0], self._keeps) if found else None

    def _profiles_of(self, subject: str, objects: Sequence[Resource]) -> list[Mapping[str, Any]]:
        if subject == "EmailServerProfile":
            return [self.profiles[one.key.name] for one in objects]
        return [self.profiles.get(name, _NOTHING) for name in self._profile_names(objects)]

    def _profile_names(self, objects: Sequence[Resource]) -> list[Any]:
        """Asked for again and again about the same mailboxes."""
        if self._last[0] is not objects:
            self._last = (objects, self._mailbox("profile", objects))
        return self._last[1]

    def _mailbox(self, key: str, objects: Sequence[Resource]) -> list[Any]:
        if key in DEFAULTS and self._gives:
            return [one.spec[key] if key in one.spec else self._by_organization(one).get(key, _default(key)) for one in objects]
        match key:
            case "name":
                return [one.key.name for one in objects]
            case "labels":
                return [tuple(sorted(one.labels.items())) if one.labels else () for one in objects]
            case "lifecycle":
                return [str(one.lifecycle) for one in objects]
            case "displayName":
                return [one.spec.get(key) or one.spec.get("emailAddress") for one in objects]
        if (computed := COMPUTED["Mailbox"].get(key)) is not None:
            return [*map(computed.make, *(self._mailbox(source, objects) for source in computed.sources))]
        if key in _kept("Mailbox"):
            return [self._keeps and one.spec.get(_reference(key)) is None for one in objects]
        known = own_variables("Mailbox")[f"mailbox.{key}"]
        if known.type is Type.TEXTS:
            return [one.spec.get(key) or () for one in objects]
        default = _default(key)
        return [one.spec.get(key, default) for one in objects]

    def _by_organization(self, mailbox: Resource) -> Mapping[str, Any]:
        """What the organization gives a new mailbox; few combinations of type and missing fields occur."""
        spec = mailbox.spec
        said = (spec.get("type"), *(path in spec for path in DEFAULTS))
        found = self._given.get(said)
        if found is None:
            found = self._given[said] = organization_defaults(self.desired, mailbox)
        return found

    def _nothing_counted(self, subject: str, variable: str) -> bool:
        """Whether there is nothing to say of any of them, as where no two mailboxes share an account."""
        from reconcile.policy.counts import COUNTS

        of_mailboxes = subject == "Mailbox" and not variable.startswith("counts.profile.")
        return of_mailboxes and not self.counted(COUNTS[subject][variable.removesuffix("?")].of)

    def _counts(self, subject: str, variable: str, objects: Sequence[Resource]) -> list[Any]:
        from reconcile.policy.counts import COUNTS

        count = COUNTS[subject][variable]
        of = self.counted(count.of)
        whose = variable.split(".")[1]
        if whose == "organization":
            names = self.names("Organization")
            return [of.get(names[0], count.default) if names else MISSING] * len(objects)
        if whose == "profile" and subject == "Mailbox":
            return [of.get(name, count.default) if name in self.profiles else MISSING for name in self._profile_names(objects)]
        return [of.get(one.key.name, count.default) for one in objects]


class Columns(dict[str, list[Any]]):
    """The columns of some objects of one kind, each made when it is first asked for. `NAME?` is the column of whether NAME is set: None
    or True."""

    def __init__(self, world: View, subject: str, objects: Sequence[Any]) -> None:
        super().__init__()
        self.objects = objects
        self._world = world
        self._subject = subject

    def __missing__(self, variable: str) -> list[Any]:
        if variable.endswith("?"):
            found = [value if value is None or value is MISSING else True for value in self[variable[:-1]]]
        else:
            found = self._world.column(self._subject, variable, self.objects)
        self[variable] = found
        return found


@lru_cache(maxsize=64)
def _default(key: str) -> Any:
    return kinds.defaults("Mailbox", {}).get(key)


@lru_cache(maxsize=8)
def _kept(kind: str) -> frozenset[str]:
    """Keys of the variables that say whether the target may hold a secret that nobody declares."""
    return frozenset(f"{path}.kept" for path in kinds.secret_paths(kind))


def _reference(kept: str) -> str:
    return kept.removesuffix("kept") + "ref"


def _values(kind: str, resource: Resource, keeps: bool) -> Mapping[str, Any]:
    """Key of a variable → value. Of somebody else's only what was written. `keeps`: the target holds secrets that it does not show."""
    external = resource.lifecycle is Lifecycle.EXTERNAL
    spec: dict[str, Any] = dict(resource.spec)
    if not external:
        # Null means the default, where there is one.
        spec.update(kinds.defaults(kind, {path: leaf for path, leaf in spec.items() if leaf is not None}))
    elif kind == "EmailServerProfile":
        # Whoever owns it: serverType decides the protocols, and every profile has one.
        following = kinds.defaults(kind, spec)
        spec.update((path, following[path]) for path in ("incoming.protocol", "outgoing.protocol") if path in following)
    values: dict[str, Any] = {}
    for known in _plain(kind):
        key = known.key
        if key in _kept(kind):
            if not external:
                values[key] = keeps and spec.get(_reference(key)) is None
        elif known.type is Type.MAP:
            values[key] = tuple(sorted((path.removeprefix(f"{key}."), leaf) for path, leaf in spec.items() if path.startswith(f"{key}.")))
        elif key in spec and (spec[key] is not None or known.nullable or not external):
            values[key] = _value(known, spec[key])
        elif not external:
            values[key] = _value(known, None)
    for computed in COMPUTED[kind].values():
        made = computed.make(*(values.get(source) for source in computed.sources))
        whole = all(source in values for source in computed.sources)
        if (whole and (made is not None or computed.variable.nullable)) or (computed.partly and made is not None):
            values[computed.variable.key] = made
    values["name"] = resource.key.name
    values["labels"] = tuple(sorted(resource.labels.items()))
    values["lifecycle"] = str(resource.lifecycle)
    return values


@lru_cache(maxsize=8)
def _plain(kind: str) -> tuple[Variable, ...]:
    """The variables that are fields of the kind's spec."""
    without = ("name", "labels", "lifecycle", *COMPUTED[kind])
    return tuple(one for one in own_variables(kind).values() if one.key not in without)


def _value(variable: Variable, leaf: Any) -> Any:
    match variable.type:
        case Type.TEXTS:
            return leaf or ()
        case Type.DURATION:
            return None if leaf is None else f"{duration.milliseconds(duration.parse(leaf)) / 1000:.12g}s"
        case _:
            return leaf


def plain(subject: str, name: str, value: Any) -> Any:
    """The value of a variable as the language takes it."""
    if type(value) is tuple:
        known = variable(subject, name)
        return dict(value) if known is not None and known.type is Type.MAP else [*value]
    return value
