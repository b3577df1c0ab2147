"""An estate at the sandbox's Exchange whose mailbox has its appointments, contacts and tasks kept in step."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.exchange_estate import ExchangeEstate, exchange_estate
from support.exchange_sandbox import ExchangeSandbox

SALES, OFFICE = "sales@contoso.example", "office@contoso.example"


@contextmanager
def item_estate(folder: Path, *, impersonates: bool | None = True) -> Iterator[tuple[ExchangeSandbox, ExchangeEstate]]:
    """Applied anew with `appointmentsContactsTasks: server-side`, and nothing else of the mailbox."""
    with exchange_estate(folder, impersonates=impersonates) as (exchange, estate):
        path = estate.estate / "sales.yaml"
        text = path.read_text().replace("coming: server-side", "coming: none").replace("going: server-side", "going: none")
        path.write_text(text.replace("  profile: contoso\n", "  profile: contoso\n  appointmentsContactsTasks: server-side\n"))
        estate("apply", "--yes")
        yield exchange, estate


def hand_in(estate: ExchangeEstate, name: str, lines: Sequence[dict[str, Any]]) -> None:
    """Edits as a batch."""
    path = estate.estate.parent / f"{name}.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    estate("activities", "items", "import", str(path))


def records(estate: ExchangeEstate) -> list[dict[str, Any]]:
    """As `activities items list` shows them."""
    out = estate("activities", "items", "list", "--limit", "10000", "--output", "json").out
    return [json.loads(line) for line in out.splitlines()]


def there(exchange: ExchangeSandbox, folder: str, address: str = SALES) -> list[str]:
    """Subjects of what lies in a folder."""
    return exchange.subjects(folder, address)
