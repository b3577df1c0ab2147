"""What the sandbox's mail is about."""

from __future__ import annotations

import random

from reconcile.lazy_dataclass import dataclass
from reconcile.sandbox.corpus.addresses import ACCOUNTING, INFO, ORDERS, SALES, SUPPORT


@dataclass(frozen=True, slots=True)
class Theme:
    """A matter somebody writes about. `{n}` in the texts is a number that belongs to the thread."""

    subject: str
    texts: tuple[str, ...]
    attachment: str = ""


THEMES: dict[str, tuple[Theme, ...]] = {
    SALES: (
        Theme(
            "Anfrage: {n} Stück Gehäuse, Lieferung nach Köln",
            ("bitte um ein Angebot über {n} Stück, Lieferung frei Haus.", "Gibt es ab 500 Stück einen Staffelpreis?"),
        ),
        Theme(
            "Request for quotation RFQ-{n}",
            ("please quote the items in the attached list.", "Could you also offer the longer warranty?"),
            "csv",
        ),
        Theme(
            "Framework agreement {n}: renewal",
            ("our agreement ends next quarter. We would like to renew it for two years.", "Legal has one remark on clause 7."),
            "pdf",
        ),
        Theme(
            "Rückfrage zu Angebot {n} – Währung €",
            (
                "im Angebot {n} fehlt die Währung. Sind die Preise in € oder CHF?",
                "Danke, damit können wir bestellen.",
            ),
        ),
        Theme("Trade fair: meeting on stand {n}", ("we will be on stand {n} and would like to meet your sales desk.",)),
    ),
    SUPPORT: (
        Theme(
            "Ticket {n}: device does not start after update",
            ("since the last update unit {n} stays dark.", "The log is attached.", "It works again, thank you."),
            "csv",
        ),
        Theme(
            "Störung #{n}: Verbindung bricht ab",
            ("die Verbindung bricht alle paar Minuten ab. Firmware {n}.", "Nach dem Neustart läuft es wieder, aber für wie lange?"),
        ),
        Theme("[#{n}] Cannot sign in", ("the account of our front desk is locked.", "Solved, please close #{n}.")),
        Theme("Question about the warranty of serial {n}", ("is serial {n} still under warranty?",), "pdf"),
    ),
    ORDERS: (
        Theme(
            "Bestellung {n}", ("anbei unsere Bestellung {n}. Bitte um Auftragsbestätigung.", "Können Sie Position 3 vorab liefern?"), "csv"
        ),
        Theme(
            "Purchase order PO-{n}", ("please find our purchase order attached.", "Please change the delivery address, see below."), "pdf"
        ),
        Theme("Delivery note {n} / Lieferschein", ("the goods left our warehouse today.",), "pdf"),
        Theme(
            "Storno Auftrag {n}",
            (
                "leider müssen wir Auftrag {n} stornieren.",
                "Bitte bestätigen Sie die Stornierung schriftlich.",
            ),
        ),
    ),
    ACCOUNTING: (
        Theme("Rechnung {n}", ("anbei Rechnung {n}, zahlbar innerhalb von 14 Tagen.",), "pdf"),
        Theme(
            "Zahlungserinnerung zu Rechnung {n} – überfällig",
            ("zu Rechnung {n} fehlt uns noch der Zahlungseingang.", "Die Zahlung ist heute eingegangen, vielen Dank."),
        ),
        Theme("Statement of account {n}", ("please find your monthly statement attached.",), "csv"),
        Theme(
            "Frage zur Umsatzsteuer auf Beleg {n}",
            ("auf Beleg {n} sind 7 % statt 19 % ausgewiesen. Ist das richtig?", "Danke für die schnelle Klärung."),
        ),
    ),
    INFO: (
        Theme(
            "Öffnungszeiten in Woche {n}?",
            (
                "haben Sie in Kalenderwoche {n} geöffnet?",
                "Danke, dann kommen wir am Dienstag.",
            ),
        ),
        Theme(
            "Press inquiry {n}: company figures",
            ("we are preparing an article, our questions are in the list.", "Our deadline is on Friday."),
            "csv",
        ),
        Theme("Initiativbewerbung, Kennziffer {n}", ("anbei unsere Unterlagen zu Kennziffer {n}.",), "pdf"),
        Theme("Newsletter {n}: Neues für Frühling & Sommer ☀", ("das sind unsere Neuigkeiten.",)),
        Theme("お問い合わせ {n}", ("製品について質問があります。", "ご返信ありがとうございます。")),
    ),
}


def pick_theme(chance: random.Random, mailbox: str) -> tuple[Theme, int]:
    """A theme of that mailbox (of any, for one that has none of its own), and the number of the thread."""
    themes = THEMES.get(mailbox) or THEMES[chance.choice([*THEMES])]
    return chance.choice(themes), chance.randrange(1000, 9999)
