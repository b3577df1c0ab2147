"""The one way from desired state to a plan, for every command and for the loop: observe, assign, compare secrets, plan."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from reconcile.errors import PermanentError, SettingsError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.change import Plan
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.kinds import secret_paths
from reconcile.model.observation import ObservedState
from reconcile.model.resource import DesiredState, Lifecycle
from reconcile.model.secret import SecretRef
from reconcile.model.selection import Selection
from reconcile.model.shortfall import Deciding, all_run
from reconcile.plan.circumstances import PLAIN, Circumstances, Count, unknown
from reconcile.plan.plan import make_plan

if TYPE_CHECKING:
    from reconcile.ports.configuration_store import Inventory
    from reconcile.ports.credentials import SecretDigester
    from reconcile.ports.secrets import SecretResolver
    from reconcile.ports.target import TargetReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparing:
    """What tells that the value behind a reference is another one. `digester` is called when the first secret is declared, and may
    raise SettingsError: without a key nothing is compared."""

    resolver: SecretResolver
    digester: Callable[[], SecretDigester]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """`desired` is what the plan was made from: with assignments laid over what the target shows."""

    plan: Plan
    desired: DesiredState


def planned(
    desired: DesiredState,
    reader: TargetReader,
    inventory: Inventory,
    *,
    lifted: Collection[str] = (),
    comparing: Comparing | None = None,
    count: Count = unknown,
    selection: Selection | None = None,
    keys: Collection[Key] | None = None,
    deciding: Deciding = all_run,
) -> Planned:
    """Read the target and plan. Without `comparing` no secret is resolved; `deciding` is asked where our engine is the target.

    Raises as `make_plan` and the target do.
    """
    secrets, not_compared = _compared(desired, comparing)
    around = Circumstances(
        secrets=secrets,
        not_compared=not_compared,
        count=count,
        selection=selection,
        adopting=reader.capabilities.writable,
        keys=keys,
        deciding=deciding,
    )
    return planned_from(desired, reader.observe(), inventory.entries(), reader.capabilities.kinds, lifted=lifted, around=around)


def planned_from(
    desired: DesiredState,
    observed: ObservedState,
    entries: Mapping[Key, InventoryEntry],
    kinds: Collection[str],
    *,
    lifted: Collection[str] = (),
    around: Circumstances = PLAIN,
) -> Planned:
    """The same when everything was read already, or stands for a target that is not there. Raises as `make_plan`."""
    if desired.doubts or any(key.kind == "MailboxAssignment" for key in desired.resources):
        from reconcile.desired.over_target import over_target

        desired = over_target(desired, observed, entries)
    plan = make_plan(desired, observed, entries, kinds, lifted=lifted, around=around)
    return Planned(plan=plan, desired=desired)


_Of = tuple[Key, str]


def _compared(desired: DesiredState, comparing: Comparing | None) -> tuple[Mapping[_Of, str], Mapping[_Of, str]]:
    """(digests, reasons why there is none) of the values behind declared references. Each reference is resolved once."""
    digests: dict[_Of, str] = {}
    reasons: dict[_Of, str] = {}
    if comparing is None:
        return digests, reasons
    reading = _Reading(comparing)
    leaves: dict[str, tuple[tuple[str, str], ...]] = {}
    for key, resource in desired.resources.items():
        if resource.lifecycle is Lifecycle.EXTERNAL:
            continue
        if key.kind not in leaves:
            leaves[key.kind] = tuple((path, f"{path}.ref") for path in secret_paths(key.kind))
        for path, leaf in leaves[key.kind]:
            reference = resource.spec.get(leaf)
            if isinstance(reference, str):
                digest, reason = reading.of(reference)
                if reason:
                    reasons[key, path] = reason
                else:
                    digests[key, path] = digest
    return digests, reasons


class _Reading:
    """Resolves each reference once; no value outlives the call."""

    def __init__(self, comparing: Comparing) -> None:
        self._comparing = comparing
        self._digester: SecretDigester | None = None
        self._no_key = ""
        self._known: dict[str, tuple[str, str]] = {}

    def of(self, text: str) -> tuple[str, str]:
        """(digest, "") or ("", why not)."""
        if text not in self._known:
            self._known[text] = self._read(text)
        return self._known[text]

    def _read(self, text: str) -> tuple[str, str]:
        if self._digester is None and not self._no_key:
            try:
                self._digester = self._comparing.digester()
            except SettingsError as error:
                self._no_key = error.message
        if self._digester is None:
            return "", self._no_key
        try:
            reference = SecretRef.parse(text)
            return self._digester.digest(reference, self._comparing.resolver.resolve(reference)), ""
        except (SettingsError, PermanentError) as error:
            return "", error.message
        except ValueError as error:
            return "", str(error)
