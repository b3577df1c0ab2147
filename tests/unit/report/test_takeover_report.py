"""What an import says of its files, and of documents that the export does not have."""

from __future__ import annotations

from reconcile.model.exit_code import ExitCode
from reconcile.model.key import Key
from reconcile.plan.takeover.takeover import Takeover
from reconcile.report.takeover_report import ImportResult, takeover_json, takeover_text


def result(*files: tuple[str, int], vanished: tuple[Key, ...] = ()) -> ImportResult:
    done = Takeover(drafts=(), differing={}, vanished=vanished)
    return ImportResult(takeover=done, estate="contoso", origin="exports/prod.json", files=files, written=True)


def test_rows_are_counted_at_the_table_that_has_them() -> None:
    made = result(("mailboxes/mailboxes.csv", 4_960), ("mailboxes/mailboxes.yaml", 1), ("mailboxes/odd.yaml", 2))
    assert takeover_text(made).splitlines()[1:] == [
        "  mailboxes/mailboxes.csv  (4,960 rows)",
        "  mailboxes/mailboxes.yaml",
        "  mailboxes/odd.yaml  (2 documents)",
    ]
    assert takeover_json(made, ExitCode.NOTHING_TO_DO)["files"] == [
        {"path": "mailboxes/mailboxes.csv", "rows": 4_960},
        {"path": "mailboxes/mailboxes.yaml", "documents": 1},
        {"path": "mailboxes/odd.yaml", "documents": 2},
    ]


def test_rows_stay_apart_where_files_are_only_counted() -> None:
    made = result(("mailboxes/m.csv", 1), ("mailboxes/m.yaml", 1), *((f"mailboxes/odd-{number}.yaml", 1) for number in range(9)))
    assert takeover_text(made).splitlines()[1:] == ["  mailboxes/m.csv  (1 row)", "  mailboxes/  (10 files: m.yaml and others)"]


def test_documents_that_the_export_does_not_have_may_never_have_been_in_it() -> None:
    text = takeover_text(result(vanished=(Key("Mailbox", "sales"),)))
    assert "stayed as they are, and are not in exports/prod.json: 1 document\n  Mailbox/sales" in text
