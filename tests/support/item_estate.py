"""An estate at the sandbox's Exchange whose mailbox has its appointments, contacts and tasks kept in step."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.exchange_estate import ExchangeEstate, exchange_estate
from support.exchange_sandbox import ExchangeSandbox

ORGANIZATION = "apiVersion: reconcile/v1alpha2\nkind: Organization\nmetadata: {name: organization}\nspec: SPEC\n"
SALES, OFFICE = "sales@contoso.example", "office@contoso.example"


@contextmanager
def item_estate(
    folder: Path, *, impersonates: bool | None = True, organization: str = ""
) -> Iterator[tuple[ExchangeSandbox, ExchangeEstate]]:
    """Applied anew with `appointmentsContactsTasks: server-side`, and nothing else of the mailbox. `organization` is its spec in YAML."""
    with exchange_estate(folder, impersonates=impersonates) as (exchange, estate):
        path = estate.estate / "sales.yaml"
        text = path.read_text().replace("coming: server-side", "coming: none").replace("going: server-side", "going: none")
        path.write_text(text.replace("  profile: contoso\n", "  profile: contoso\n  appointmentsContactsTasks: server-side\n"))
        if organization:
            (estate.estate / "organization.yaml").write_text(ORGANIZATION.replace("SPEC", organization))
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


def files_there(exchange: ExchangeSandbox, address: str = SALES) -> dict[str, bytes]:
    """What hangs on the one appointment of a calendar."""
    mailbox = exchange.mailbox(address)
    with exchange.organization.lock:
        (item,) = mailbox.distinguished("calendar").items.values()
        names = [one.name for one in item.attachments]
        assert len(names) == len(set(names)), names
        return {one.name: one.content or b"" for one in item.attachments}


def hang_on(exchange: ExchangeSandbox, files: dict[str, bytes], address: str = SALES) -> None:
    """Somebody hangs files on the one appointment of a calendar, over a connection of their own."""
    from reconcile.mail.ews.collection import EwsCollection
    from reconcile.mail.ews.sessions import Sessions
    from reconcile.model.item import ItemKind
    from support.ews_accounts import account_of

    collection = EwsCollection(account_of(exchange, address), Sessions(), ItemKind.APPOINTMENT)
    (page,) = collection.changes(None)
    (listed,) = page.items
    for name, content in files.items():
        request = collection._ask.attach(listed.remote_id.value, "", name, "application/octet-stream", b64encode(content).decode())
        (answer,) = collection._link.ask(request, again=False)
        assert answer.done
