"""Reading a saved plan, and whether it belongs where it is to be carried out."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from reconcile.cli.context import Context
from reconcile.errors import DesiredStateError, PlanRefused, StalePlan
from reconcile.model.change import Plan

#: In octets; a plan that creates 100,000 mailboxes has 130 million.
_MOST: Final = 1 << 30
_HINT: Final = "Name a file that `reconcile plan --out` wrote."


def read_plan(path: Path) -> Plan:
    """Raises PlanRefused or StalePlan; see `codec.decode`."""
    from reconcile.plan.codec import decode

    try:
        with path.open("rb") as file:
            start = file.read(1)
            # What cannot be a plan is not read to its end: a device has none.
            if start and start not in b"{ \t\r\n":
                raise PlanRefused(f"{path} is no plan file: it does not begin with {{", hint=_HINT)
            content = start + file.read(_MOST)
        if len(content) > _MOST:
            raise PlanRefused(f"{path} is no plan file: it is larger than any plan", hint=_HINT)
        text = content.decode("utf-8")
    except OSError as error:
        raise PlanRefused(f"{path} cannot be read: {error.strerror}", hint=_HINT) from error
    except UnicodeDecodeError as error:
        raise PlanRefused(f"{path} is no plan file: it is not UTF-8 text", hint=_HINT) from error
    return decode(text)


def check_declared(context: Context, plan: Plan) -> None:
    """Raises StalePlan where the plan would make a store for an environment that the estate here does not declare.

    Where no estate is at hand, as on a host that only applies, the plan says what is meant.
    """
    from reconcile.desired.load import load
    from reconcile.wiring.estate import document_cache, open_source
    from reconcile.wiring.state import store_path

    if store_path(context.settings, plan.environment).exists():
        return
    try:
        source = open_source(context.directory, context.revision)
        listing = source.list()
    except DesiredStateError:
        return
    cache = document_cache(context.settings)
    found = load(listing.files, listing.findings, source.read, environment=None, source="", revision=source.revision, cache=cache)
    if found.environments and plan.environment not in found.environments:
        names = ", ".join(found.environments)
        raise StalePlan(
            f"the plan was made for environment {plan.environment}, which {context.directory} does not declare: it has {names}",
            hint="Name the folder of its estate with -C, or its state with --state-dir.",
        )
