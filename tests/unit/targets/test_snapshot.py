"""Exports as people make them: whole and cut, by table and by page, in several encodings, with every way to write a lookup."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from reconcile.model.observation import ObservedState, Present
from reconcile.targets.snapshot import stream
from reconcile.targets.snapshot.reader import SnapshotReader, table_of
from reconcile.targets.snapshot.stream import CutOff, End, Remark, Row, items
from support.exports import mailbox_row, organization_row, profile_row, row_id, write_export

CONTEXT = "https://contoso.crm.example/api/data/v9.2/$metadata#mailboxes(name,emailaddress)"


def observed(path: Path) -> ObservedState:
    return SnapshotReader(path, shown=path.name).observe()


def written(folder: Path, text: str | bytes, name: str = "prod.json") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def only(state: ObservedState, kind: str) -> Present:
    (row,) = [row for row in state.rows if row.kind == kind]
    return row


def mailbox(folder: Path, **more: object) -> Present:
    return only(observed(write_export(folder / "prod.json", mailboxes=[mailbox_row(5, "Sales@Contoso.EXAMPLE", **more)])), "Mailbox")


def test_rows_show_words_of_the_model_and_ids_of_each_other(tmp_path: Path) -> None:
    rows = [mailbox_row(5, "Sales@Contoso.EXAMPLE", emailserverprofile=row_id(1), processemailreceivedafter="2026-05-01T00:00:00Z")]
    state = observed(write_export(tmp_path / "prod.json", profiles=[profile_row(1, "Hosted")], mailboxes=rows))
    assert only(state, "Mailbox").spec == {
        "displayName": "Mailbox 5",
        "emailAddress": "Sales@contoso.example",
        "state": "active",
        "profile": row_id(1),
        "incoming": "server-side",
        "outgoing": "server-side",
        "appointmentsContactsTasks": "none",
        "type": "queue",
    }
    assert only(state, "EmailServerProfile").spec["incoming.protocol"] == "imap"
    assert (state.refers_by_id, state.organization_id, state.unknown_kinds, state.unknown_rows) == (True, row_id(9_000), {}, {})
    assert state.origin == "prod.json of 2026-06-30 06:00 UTC"


LOOKUPS: tuple[dict[str, object], ...] = (
    {"emailserverprofile": row_id(1)},
    {"_emailserverprofile_value": row_id(1), "_emailserverprofile_value@OData.Community.Display.V1.FormattedValue": "Hosted"},
    {"emailserverprofile": {"emailserverprofileid": row_id(1), "name": "Hosted"}},
    {"emailserverprofile": {"Id": f"{{{row_id(1).upper()}}}", "LogicalName": "emailserverprofile", "Name": "Hosted"}},
)


@pytest.mark.parametrize("cells", LOOKUPS)
def test_every_way_to_write_a_lookup(cells: dict[str, object], tmp_path: Path) -> None:
    assert mailbox(tmp_path, **cells).spec["profile"] == row_id(1)


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        ({"regardingobjecttypecode": "systemuser"}, "user"),
        ({"regardingobjecttypecode": 8}, "user"),
        ({"regardingobjecttypecode": 2020}, "queue"),
        ({"regardingobjecttypecode": None, "isforwardmailbox": True}, "forward"),
        ({"regardingobjecttypecode": None}, None),
        ({"regardingobjecttypecode": ["queue"]}, None),
    ],
)
def test_whose_mailbox_it_is(cells: dict[str, object], wanted: str | None, tmp_path: Path) -> None:
    assert mailbox(tmp_path, **cells).spec.get("type") == wanted


def test_names_of_business_units_and_owners(tmp_path: Path) -> None:
    rows = [mailbox_row(5, "a@x.example", _owningbusinessunit_value=row_id(30).upper(), owningteam=row_id(31), ownerid=row_id(32))]
    tables = {
        "businessunits": [{"businessunitid": row_id(30), "name": "Service"}],
        "systemuser": [{"systemuserid": row_id(32), "fullname": "Sales desk"}],
    }
    reader = SnapshotReader(write_export(tmp_path / "e.json", mailboxes=rows, **tables), shown="e.json")
    row = only(reader.observe(), "Mailbox")
    assert row.attributes == {"businessUnit": "Service", "group": row_id(31)}
    assert (row.spec["owner"], reader.names[row_id(32)]) == (row_id(32), "Sales desk")


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"incomingemaildeliverymethod": 77}, "column incomingemaildeliverymethod: the number 77 is unknown to this version"),
        ({"incomingemaildeliverymethod": "Server-Side Synchronization"}, "column incomingemaildeliverymethod"),
        ({"incomingemaildeliverymethod": 2.0}, "column incomingemaildeliverymethod: expected text, a number or true or false, not float"),
        ({"processanddeleteemails": "yes"}, "column processanddeleteemails: expected bool, not str"),
        ({"name": "half \ud83d of a pair"}, "column name: half of a surrogate pair is no text"),
        ({"emailserverprofile": {"name": "no id"}}, "column emailserverprofile: no id in this lookup"),
    ],
)
def test_what_is_not_understood_is_unknown_and_never_guessed(cells: dict[str, object], why: str, tmp_path: Path) -> None:
    rows = [mailbox_row(5, "a@x.example", **cells), mailbox_row(6, "b@x.example")]
    state = observed(write_export(tmp_path / "prod.json", mailboxes=rows))
    assert list(state.unknown_rows) == [row_id(5)]
    assert state.unknown_rows[row_id(5)].startswith(f"mailbox: {why}")
    assert only(state, "Mailbox").external_id == row_id(6)
    assert state.unknown_kinds == {}


def test_rows_without_an_id_and_rows_that_come_twice(tmp_path: Path) -> None:
    rows = [mailbox_row(5, "a@x.example"), mailbox_row(5, "b@x.example"), {"emailaddress": "c@x.example"}]
    state = observed(write_export(tmp_path / "prod.json", mailboxes=rows))
    assert state.unknown_rows == {
        row_id(5): "mailbox: the export has this row twice",
        "mailbox 4": "a row of mailbox without an id in mailboxid",
    }


def test_unset_values_are_not_set(tmp_path: Path) -> None:
    row = mailbox(tmp_path, username="", ownerid=None, emailserverprofile=None, password=None)
    assert not {"credentials.username", "owner", "profile", "credentials.password"} & row.spec.keys()


def test_settings_in_xml(tmp_path: Path) -> None:
    bags = {
        "orgdborgsettings": "<OrgSettings><BackgroundSendBatchSize>20</BackgroundSendBatchSize><Other>x</Other></OrgSettings>",
        "defaultemailsettings": "<EmailSettings><ACTDeliveryMethod>1</ACTDeliveryMethod></EmailSettings>",
        "blockedattachments": "exe;JS;.bat",
    }
    spec = only(observed(write_export(tmp_path / "e.json", organization=[organization_row(**bags)])), "Organization").spec
    assert spec["sending.batchSize"] == 20
    assert spec["defaults.appointmentsContactsTasks"] == "server-side"
    assert spec["attachments.blockedExtensions"] == ("bat", "exe", "js")


@pytest.mark.parametrize(
    "xml", ["<a", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "<a><BackgroundSendBatchSize>x</BackgroundSendBatchSize></a>"]
)
def test_bad_xml_is_an_unknown_row(xml: str, tmp_path: Path) -> None:
    state = observed(write_export(tmp_path / "e.json", organization=[organization_row(orgdborgsettings=xml)]))
    assert list(state.unknown_rows) == [row_id(9_000)]


def test_the_profile_of_the_platform(tmp_path: Path) -> None:
    online = {"servertype": 0, "incomingcredentialretrieval": 2, "outgoingcredentialretrieval": 2}
    profiles = [profile_row(1, "Microsoft Exchange Online", **online), profile_row(2, "Our Exchange Online", **online)]
    profiles.append(profile_row(3, "microsoft exchange online", **{**online, "incomingcredentialretrieval": 1}))
    state = observed(write_export(tmp_path / "e.json", profiles=profiles))
    assert [row.built_in for row in state.rows if row.kind == "EmailServerProfile"] == [True, False, False]


def test_fields_that_an_export_cannot_show_are_named(tmp_path: Path) -> None:
    hidden = observed(write_export(tmp_path / "e.json", mailboxes=[mailbox_row(5, "a@x.example")])).hidden["Mailbox"]
    assert hidden["processEmailFrom"] == "the product moves this date on by itself"
    assert hidden["credentials.password"] == "the product never shows a secret"
    assert hidden["facts.mfa"] == "the product has no column for it"
    assert hidden["credentials.username"] == "the export does not have username"
    assert not {"type", "emailAddress", "state"} & hidden.keys()


def test_secrets_in_an_export_are_noticed_and_not_read(tmp_path: Path) -> None:
    reader = SnapshotReader(write_export(tmp_path / "e.json", profiles=[profile_row(1, "One", incomingpassword="hunter2")]), shown="e.json")
    assert "hunter2" not in repr(reader.observe())
    assert reader.exposed == ("incomingpassword",)


def test_a_folder_with_a_file_a_table_and_several_pages(tmp_path: Path) -> None:
    page = {"@odata.context": CONTEXT, "@odata.nextLink": "https://contoso.crm.example/next", "value": [mailbox_row(5, "a@x.example")]}
    written(tmp_path, json.dumps(page), "mailboxes.json")
    state = observed(tmp_path)
    assert "there are more rows on another one" in state.unknown_kinds["Mailbox"]
    assert state.unknown_kinds["EmailServerProfile"] == "the export has no table emailserverprofile"
    written(tmp_path, json.dumps({"value": [mailbox_row(6, "b@x.example")]}), "mailboxes-2.json")
    written(tmp_path, json.dumps([profile_row(1, "One")]), "emailserverprofile.json")
    written(tmp_path, "not an export", "notes.json")
    state = observed(tmp_path)
    assert [row.external_id for row in state.rows] == [row_id(1), row_id(5), row_id(6)]
    assert set(state.unknown_kinds) == {"Organization"}


def test_a_page_that_is_cut_after_one_that_is_whole(tmp_path: Path) -> None:
    written(tmp_path, json.dumps([mailbox_row(5, "a@x.example")]), "mailboxes.json")
    written(tmp_path, json.dumps([mailbox_row(6, "b@x.example")])[:-1], "mailboxes-2.json")
    assert observed(tmp_path).unknown_kinds["Mailbox"] == "mailboxes-2.json is not complete: after row 1: the file ends early"


def test_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    elsewhere = written(tmp_path, json.dumps([mailbox_row(5, "a@x.example")]), "secret.json")
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "mailbox.json").symlink_to(elsewhere)
    state = observed(folder)
    assert (state.rows, state.unknown_kinds["Mailbox"]) == ((), "export cannot be read: mailbox.json is a link, which is not followed")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    text = json.dumps({"mailbox": [mailbox_row(5, "a@x.example", name="Süd 😀")]}, ensure_ascii=False)
    assert only(observed(written(tmp_path, text.encode(encoding))), "Mailbox").spec["displayName"] == "Süd 😀"


def test_a_cut_file_hides_no_loss(tmp_path: Path) -> None:
    whole = write_export(
        tmp_path / "e.json", profiles=[profile_row(1, "One")], mailboxes=[mailbox_row(n, f"{n}@x.example") for n in range(9)]
    )
    text = whole.read_bytes()
    for length in range(0, len(text) - 1, 5):
        whole.write_bytes(text[:length])
        assert "Mailbox" in observed(whole).unknown_kinds, length
    whole.write_bytes(text)
    assert observed(whole).unknown_kinds == {}


@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01\xff", b"null", b"[1]", b'{"mailbox": 1}', b"[" * 100_000, b'{"mailbox": [{"a": NaN}]}', b"\xff\xfeab"]
)
def test_what_is_no_export(content: bytes, tmp_path: Path) -> None:
    state = observed(written(tmp_path, content))
    assert set(state.unknown_kinds) == {"EmailServerProfile", "Mailbox", "Organization"}
    assert state.rows == ()


def test_a_missing_file_and_an_empty_folder(tmp_path: Path) -> None:
    assert observed(tmp_path / "none.json").unknown_kinds["Mailbox"] == "none.json cannot be read: No such file or directory"
    assert "there is no file of a table in it" in observed(tmp_path).unknown_kinds["Mailbox"]


def test_tables_have_the_names_of_sets_too() -> None:
    assert [table_of(name) for name in ("Mailboxes", "emailserverprofiles", "organization", "contact", "")] == [
        "mailbox",
        "emailserverprofile",
        "organization",
        None,
        None,
    ]


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64])
def test_rows_do_not_depend_on_where_blocks_end(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_BLOCK", block)
    text = (
        '{"n": 123, "mailbox" : [ {"a": "ü\\u00e4\\"]}"}, {"b": 12.5e3} ], "organization": {"organizationid": "x"}, "s": "t", "queue": []}'
    )
    assert list(items(io.BytesIO(text.encode()), "", table_of)) == [
        Row("mailbox", {"a": 'üä"]}'}),
        Row("mailbox", {"b": 12500.0}),
        End("mailbox"),
        Row("organization", {"organizationid": "x"}),
        End("organization"),
        End("queue"),
        Remark("n", 123),
        Remark("s", "t"),
    ]


def test_a_row_without_end_is_no_way_to_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_LARGEST_ROW", 10_000)
    monkeypatch.setattr(stream, "_BLOCK", 1_000)
    endless = io.BytesIO(b'{"mailbox": [{"a": "' + b"x" * 1_000_000)
    with pytest.raises(CutOff, match="after row 0: not valid JSON"):
        list(items(endless, "", table_of))
    assert endless.tell() < 20_000


def test_a_duration_beyond_all_time_is_unknown(tmp_path: Path) -> None:
    row = organization_row(orgdborgsettings="<a><TraceLogPersistenceTimeInDays>1099511627776</TraceLogPersistenceTimeInDays></a>")
    state = observed(write_export(tmp_path / "e.json", organization=[row]))
    assert "is more than a duration can be" in state.unknown_rows[row_id(9_000)]
