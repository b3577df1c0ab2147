"""One pass over what is kept too long: purged in small steps, so that mail moves in between."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

from reconcile.controller.loop import Report
from reconcile.lazy_dataclass import dataclass
from reconcile.model import instant
from reconcile.model.audit_record import AuditRecord
from reconcile.model.purge import Erased, Purged, PurgeSelection
from reconcile.model.retention import doubtful_clock, retained_from, retention_of
from reconcile.ports.applied import AppliedState
from reconcile.ports.clock import Clock
from reconcile.ports.mail_purge import MailPurge
from reconcile.report.counted import counted
from reconcile.sync.decide.correlation_rules import correlation_rules
from reconcile.sync.decide.smart_matching import SEARCHED_DAYS

#: Between two looks when there is nothing to purge.
RETENTION = timedelta(minutes=10)
#: Between two steps while there is.
_SOON = timedelta(seconds=1)
_STEP = 500
#: Later than any instant.
_ALL = "~"
_STEPS = 4
#: A file is handed in before the appointment that has it.
_HANDED_IN = timedelta(days=1)
CLOCK_HINT = "set the clock right; if it is right: `reconcile purge --clock-is-right`"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionTools:
    """`record` makes the record of the audit trail that each step is told by."""

    applied: AppliedState
    purge: MailPurge
    record: Callable[[], AuditRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """`opened` opens the store of the environment that is applied."""

    opened: Callable[[], AbstractContextManager[RetentionTools]]
    clock: Clock
    stop: Callable[[], bool]

    def run(self) -> Report:
        """One pass: a few steps, and at most one pack rewritten. Raises ReconcileError as the store does."""
        now = self.clock.now()
        with self.opened() as tools:
            environment = next((one for one in tools.applied.resources() if one.kind == "Environment"), None)
            spec = environment.spec if environment else {}
            mail, outgoing = retention_of(spec, now)
            items = retained_from(spec.get("retention.items"), now)
            doubt = doubtful_clock(now, tools.purge.believed_clock(), (mail, outgoing, items))
            if doubt:
                return Report(stalled=f"nothing is purged: {doubt}; {CLOCK_HINT}", quiet=True)
            if mail is not None or outgoing is not None or items is not None:
                tools.purge.believe_clock(now)
            done, steps = Purged(), 0
            selection = PurgeSelection(
                before=None if mail is None else mail.strftime("%Y-%m-%dT%H:%M:%SZ"),
                settled_before=None if outgoing is None else outgoing.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                items_before=None if items is None else items.strftime("%Y-%m-%dT%H:%M:%SZ"),
                mail=mail is not None,
                outgoing=outgoing is not None,
                items=items is not None,
            )
            more = selection.mail or selection.outgoing or selection.items
            while more and steps < _STEPS and not self.stop():
                step = tools.purge.purge(selection, limit=_STEP, record=tools.record())
                done, steps, more = done + step, steps + 1, not step.nothing
            tools.purge.clear_files(before=instant.text(now - _HANDED_IN))
            erased = tools.purge.erase(now=instant.text(now), at_once=False)
            organization = next((one for one in tools.applied.resources() if one.kind == "Organization"), None)
            rules = correlation_rules(organization.spec if organization else {})
            wanted = rules.smart is not None and rules.smart.creates
            # Older ones are looked for by nobody; where none are to be kept, those of former days go, too.
            oldest = instant.text(now - timedelta(days=SEARCHED_DAYS)) if wanted else _ALL
            more = tools.purge.forget_hashes(before=oldest, limit=_STEP * _STEPS) == _STEP * _STEPS or more
        return told(done, erased, more=more)


def told(done: Purged, erased: Erased, *, more: bool) -> Report:
    """What the loop says about a pass. Pure."""
    parts = [f"{counted(done.mails, 'e-mail')} purged"] if done.mails else []
    parts += [f"{counted(done.outgoing, 'outgoing mail')} purged"] if done.outgoing else []
    parts += [counted(done.items, "item") + " purged"] if done.items else []
    parts += [f"{erased.octets:,} bytes erased"] if erased.octets else []
    return Report(
        message="kept too long: " + ", ".join(parts) if parts else "",
        quiet=not parts,
        detail={"purged": done.mails, "outgoingPurged": done.outgoing, "itemsPurged": done.items, "erased": erased.octets},
        again_after=_SOON if more or erased.packs else None,
    )
