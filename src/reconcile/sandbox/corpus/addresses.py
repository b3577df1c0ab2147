"""Who writes to whom in the sandbox: departments and role addresses, no people. All domains are reserved for examples."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass

SALES = "sales@contoso.example"
SUPPORT = "support@contoso.example"
ORDERS = "orders@contoso.example"
ACCOUNTING = "accounting@contoso.example"
INFO = "info@contoso.example"

#: Slug in the example estate → address.
MAILBOXES = {"sales": SALES, "support": SUPPORT, "orders": ORDERS, "accounting": ACCOUNTING, "info": INFO}


def mailboxes(count: int) -> dict[str, str]:
    """Slug → address of so many: first those of the example estate, then desk6, desk7 …"""
    more = {f"desk{number}": f"desk{number}@contoso.example" for number in range(len(MAILBOXES) + 1, count + 1)}
    return {**dict([*MAILBOXES.items()][:count]), **more}


@dataclass(frozen=True, slots=True)
class Correspondent:
    """A role at a customer or supplier, as its mail program shows it."""

    name: str
    address: str


CORRESPONDENTS = (
    Correspondent("Fabrikam Einkauf", "purchasing@fabrikam.example"),
    Correspondent("Fabrikam Aufträge", "orders@fabrikam.example"),
    Correspondent("Tailspin Toys – Büro Zürich", "office@tailspin.example"),
    Correspondent("Tailspin Support Desk", "helpdesk@tailspin.example"),
    Correspondent("Adventure Works Käuferteam", "buyers@adventure-works.example"),
    Correspondent("Northwind Logistics", "dispatch@northwind.example"),
    Correspondent("Wingtip Buchhaltung", "accounts@wingtip.example"),
    Correspondent("Litware IT", "it@litware.example"),
    Correspondent("Proseware Projektbüro Łódź", "projects@proseware.example"),
    Correspondent("日本 Woodgrove 営業", "sales@woodgrove.example"),
)
