"""`reconcile sync` as a whole, in a process of its own, on an estate at the sandbox's Exchange."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from exchange.server import Server

ORGANIZATION = """\
apiVersion: reconcile/v1alpha2
kind: Organization
metadata: {name: contoso}
spec:
  deployment: on-premises
  linkedItems: {trackCategorizedContacts: true}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a process took: seconds by the clock and of CPU, MB at the peak, and what it printed."""

    wall: float
    cpu: float
    peak: float
    out: str


def ran(command: Sequence[str], environment: Mapping[str, str]) -> Ran:
    """A process from its start to its end, which must be 0."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    out = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (command, process.returncode, out)
    return Ran(wall=time.perf_counter() - started, cpu=used.ru_utime + used.ru_stime, peak=used.ru_maxrss / 1024, out=out)


class Engine:
    """An applied estate: one profile that impersonates `names`, with mail, with items, or both."""

    def __init__(self, folder: Path, server: Server, names: Sequence[str], *, mail: bool, items: bool) -> None:
        from support.exchange_estate import ExchangeEstate
        from support.exchange_sandbox import SERVICE_PASSWORD

        folder.mkdir()
        self._estate = ExchangeEstate(
            folder=folder, imap=0, authority=server.certificate, password=SERVICE_PASSWORD, names=names, url=server.url
        )
        profile = self._estate.estate / "profile.yaml"
        # A mark on each mail is a thing of its own, and no part of reading.
        profile.write_text(profile.read_text().replace("    keywords: true\n", ""))
        (self._estate.estate / "organization.yaml").write_text(ORGANIZATION)
        for name in names:
            path = self._estate.estate / f"{name}.yaml"
            text = path.read_text().replace("outgoing: server-side", "outgoing: none")
            text = text if mail else text.replace("incoming: server-side", "incoming: none")
            wanted = "  profile: contoso\n  appointmentsContactsTasks: server-side\n"
            path.write_text(text.replace("  profile: contoso\n", wanted) if items else text)
        self._estate("apply", "--yes")

    def sync(self) -> Ran:
        return ran(self._estate.arguments("sync", "--output", "json"), self._estate.environment())

    def records(self, appointments: int, contacts: int, owner: str) -> None:
        """Made on our side, by the public command."""
        path = self._estate.folder / "records.jsonl"
        # One by one: the peak of a process that is started counts what this one holds then.
        with path.open("w") as file:
            for key in range(appointments + contacts):
                line = _appointment(key) if key < appointments else _contact(key)
                file.write(json.dumps({"clientKey": str(key), "owner": owner, **line}) + "\n")
        self._estate("activities", "items", "import", str(path))


def _appointment(number: int) -> dict[str, object]:
    day = f"2091-{1 + number % 12:02}-{1 + number // 12 % 28:02}"
    columns = {
        "subject": f"Visit {number}",
        "description": "What the customer asked for. " * 14,
        "location": f"Hall {number % 40}",
        "scheduledstart": f"{day}T09:00:00Z",
        "scheduledend": f"{day}T10:00:00Z",
        "timezone": "Europe/Berlin",
    }
    return {"kind": "appointment", "set": columns}


def _contact(number: int) -> dict[str, object]:
    columns = {
        "firstname": "Customer",
        "lastname": f"Number {number}",
        "emailaddress1": f"customer{number}@fabrikam.example",
        "company": f"Company {number % 500}",
        "telephone1": f"+49 221 {number:07}",
        "jobtitle": "Buyer",
    }
    return {"kind": "contact", "set": columns}
