"""From texts to one desired state: what counts, what is held, what is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from reconcile.desired.lint import lint
from reconcile.desired.load import load
from reconcile.model.finding import Finding, Severity
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.model.resource import DesiredState
from support.estate import ENVIRONMENT, PROFILE, Texts, load_texts, mailbox

BASE = {"environment.yaml": ENVIRONMENT, "profile.yaml": PROFILE}
SALES, PROFILE_KEY, ENVIRONMENT_KEY = Key("Mailbox", "sales"), Key("EmailServerProfile", "contoso"), Key("Environment", "test")


def desired_of(files: dict[str, str | bytes], environment: str | None = None) -> DesiredState:
    result = load_texts(files, environment=environment)
    assert result.desired is not None, result.findings
    return result.desired


def rules(files: dict[str, str | bytes], environment: str | None = None) -> list[str]:
    return [finding.rule for finding in load_texts(files, environment=environment).findings]


def test_a_clean_estate() -> None:
    desired = desired_of({**BASE, "m.yaml": mailbox()})
    assert list(desired.resources) == [ENVIRONMENT_KEY, PROFILE_KEY, SALES]
    assert (desired.environment, desired.held, desired.held_files, desired.findings) == ("test", {}, {}, ())
    sales = desired.resources[SALES]
    assert sales.spec == {"emailAddress": "sales@contoso.example", "type": "queue", "profile": "contoso"}
    assert sales.references == (PROFILE_KEY,)
    assert sales.position == Position("m.yaml", 1)


def test_resources_come_in_dependency_order_whatever_the_files_are_called() -> None:
    files = {"z.yaml": ENVIRONMENT, "y.yaml": PROFILE, "b.yaml": mailbox("b"), "a.yaml": mailbox("a")}
    assert [str(key) for key in desired_of(files).resources] == ["Environment/test", "EmailServerProfile/contoso", "Mailbox/a", "Mailbox/b"]


def test_variables_keep_their_type_and_go_into_text() -> None:
    profile = PROFILE.replace("port: 993", "port: '${port}'").replace("imap.contoso.example", "'imap.${domain}'")
    spec = desired_of({**BASE, "profile.yaml": profile}).resources[PROFILE_KEY].spec
    assert (spec["incoming.port"], spec["incoming.server"]) == (993, "imap.contoso.example")


def test_local_dates_take_the_zone_of_the_environment() -> None:
    spec = desired_of({**BASE, "m.yaml": mailbox(more="  processEmailFrom: 2026-07-01\n")}).resources[SALES].spec
    assert spec["processEmailFrom"] == "2026-06-30T22:00:00Z"


def test_a_bad_document_is_held_and_the_rest_goes_on() -> None:
    desired = desired_of({**BASE, "m.yaml": mailbox(more="  incoming: nope\n"), "n.yaml": mailbox("other")})
    assert SALES not in desired.resources
    assert Key("Mailbox", "other") in desired.resources
    assert "incoming" in desired.held[SALES]
    assert list(desired.held_files) == ["m.yaml"]


def test_what_needs_a_held_resource_is_held_without_a_finding_of_its_own() -> None:
    files = {**BASE, "profile.yaml": PROFILE.replace("993", "0"), "m.yaml": mailbox()}
    desired = desired_of(files)
    assert desired.held[SALES] == "it needs EmailServerProfile/contoso, which is held"
    assert set(desired.held) == {SALES, PROFILE_KEY}
    assert [finding.rule for finding in desired.findings] == ["schema/range"]


def test_a_resource_in_a_file_with_a_syntax_error_is_held_with_its_dependants() -> None:
    files = {**BASE, "profile.yaml": PROFILE + "  description: 'never\n", "m.yaml": mailbox()}
    desired = desired_of(files)
    assert set(desired.held) == {SALES, PROFILE_KEY}
    assert "never closed" in desired.held_files["profile.yaml"]


def test_a_dangling_reference_says_when_files_are_missing() -> None:
    whole = load_texts({**BASE, "m.yaml": mailbox(profile="fabrikam")}).findings
    broken = load_texts({**BASE, "m.yaml": mailbox(profile="fabrikam"), "x.yaml": b"\0"}).findings
    (hint,) = [finding.hint for finding in whole if finding.rule == "reference/unknown"]
    (hint_broken,) = [finding.hint for finding in broken if finding.rule == "reference/unknown"]
    assert "could not be read" not in hint
    assert "could not be read" in hint_broken


def test_the_same_key_twice_is_applied_from_neither() -> None:
    desired = desired_of({**BASE, "a.yaml": mailbox(), "b.yaml": mailbox(address="two@contoso.example")})
    assert SALES not in desired.resources
    assert desired.held[SALES] == "it is declared twice"
    assert set(desired.held_files) == {"a.yaml", "b.yaml"}


def test_the_same_key_twice_with_one_bad_is_applied_from_neither() -> None:
    for order in (("a.yaml", "b.yaml"), ("b.yaml", "a.yaml")):
        files = {**BASE, order[0]: mailbox(), order[1]: mailbox(more="  incoming: nope\n")}
        desired = desired_of(files)
        assert SALES not in desired.resources
        assert SALES in desired.held


def test_the_same_address_in_other_case_holds_both() -> None:
    desired = desired_of({**BASE, "a.yaml": mailbox("a", "Info@Contoso.example"), "b.yaml": mailbox("b", "info@contoso.EXAMPLE")})
    assert set(desired.held) == {Key("Mailbox", "a"), Key("Mailbox", "b")}
    (finding,) = desired.findings
    assert (finding.rule, finding.position.file, finding.related[0].file) == ("duplicate/address", "b.yaml", "a.yaml")


def test_a_document_that_is_held_as_a_double_still_contradicts_others() -> None:
    other = mailbox("a", "other@contoso.example")
    for first, second in ((mailbox("a"), other), (other, mailbox("a"))):
        desired = desired_of({**BASE, "1.yaml": first, "2.yaml": second, "3.yaml": mailbox("b", "A@contoso.example")})
        assert set(desired.held) == {Key("Mailbox", "a"), Key("Mailbox", "b")}


def test_three_with_one_address_are_all_held() -> None:
    files = {**BASE, **{f"{name}.yaml": mailbox(name, "info@contoso.example") for name in "abc"}}
    assert set(desired_of(files).held) == {Key("Mailbox", name) for name in "abc"}


def test_a_secret_written_by_mistake_is_not_cached() -> None:
    kept: dict[str, bytes] = {}

    class Cache:
        def get(self, keys: Sequence[str]) -> Mapping[str, bytes]:
            return {}

        def put(self, entries: Mapping[str, bytes]) -> None:
            kept.update(entries)

    bad = mailbox("info", more="  credentials: {password: hunter2}\n")
    load_texts({"e.yaml": ENVIRONMENT, "p.yaml": PROFILE, "info.yaml": bad, "sales.yaml": mailbox()}, cache=Cache())
    assert {key.partition(":")[0].partition("-")[0] for key in kept} == {"documents", "checked"}
    assert b"sales@contoso.example" in b"".join(kept.values())
    assert b"hunter2" not in b"".join(kept.values())


def test_a_bad_document_is_compared_with_the_others_in_the_same_run() -> None:
    bad = mailbox("info", address="SALES@contoso.example", profile="contos", more="  colour: red\n")
    files: dict[str, str | bytes] = {"e.yaml": ENVIRONMENT, "p.yaml": PROFILE, "info.yaml": bad, "sales.yaml": mailbox()}
    assert rules(files) == ["duplicate/address", "reference/unknown", "schema/unknown-field"]
    desired = desired_of(files)
    assert Key("Mailbox", "sales") in desired.resources
    assert list(desired.held) == [Key("Mailbox", "info")]


def test_what_is_wrong_with_a_field_is_said_once() -> None:
    for more in ("  emailAddress: nobody", "  profile: 'No Slug'"):
        text = mailbox("info").replace("  type", f"{more}\n  type") if "profile" not in more else mailbox("info", profile="No Slug")
        files: dict[str, str | bytes] = {"e.yaml": ENVIRONMENT, "p.yaml": PROFILE, "info.yaml": text, "sales.yaml": mailbox()}
        assert len(rules(files)) == 1
    profile = PROFILE.replace("imap-smtp", "imap-smpt")
    assert rules({"e.yaml": ENVIRONMENT, "p.yaml": profile, "sales.yaml": mailbox(more="  colour: red\n")}) == [
        "schema/value",
        "schema/unknown-field",
    ]


def test_a_bad_file_outside_the_environment_does_not_concern_it() -> None:
    environment = ENVIRONMENT.replace("spec: {", "spec: {layers: [live], ")
    files = {"environment.yaml": environment, "live/profile.yaml": PROFILE, "lively/x.yaml": "a: 'x", "other/m.yaml": mailbox()}
    desired = desired_of(files)
    assert (list(desired.resources), desired.findings, desired.held_files) == ([ENVIRONMENT_KEY, PROFILE_KEY], (), {})


def test_each_environment_takes_its_own_folders() -> None:
    def declared(name: str) -> str:
        return ENVIRONMENT.replace("name: test", f"name: {name}").replace("spec: {", f"spec: {{layers: [base, {name}], ")

    files = {
        "e.yaml": declared("live") + "---\n" + declared("trial"),
        "base/p.yaml": PROFILE,
        "live/m.yaml": mailbox(),
        "trial/m.yaml": mailbox(address="trial@contoso.example"),
    }
    for name, address in (("live", "sales@contoso.example"), ("trial", "trial@contoso.example")):
        desired = desired_of(files, name)
        assert desired.resources[SALES].spec["emailAddress"] == address
        assert Key("Environment", name) in desired.resources
        assert len(desired.resources) == 3
    result = load_texts(files)
    assert result.desired is None
    assert result.environments == ("live", "trial")
    assert "environment/ambiguous" in [finding.rule for finding in result.findings]


@pytest.mark.parametrize(
    ("files", "wanted", "rule"),
    [
        ({"p.yaml": PROFILE}, None, "environment/missing"),
        (BASE, "tset", "environment/unknown"),
        ({"e.yaml": ENVIRONMENT + "---\n" + ENVIRONMENT}, None, "duplicate/resource"),
        ({"e.yaml": ENVIRONMENT.replace("Europe/Berlin", "Mars/Phobos")}, None, "fields/value"),
        ({"e.yaml": ENVIRONMENT + "  x: 'y"}, None, "yaml/syntax"),
    ],
)
def test_without_a_sound_environment_there_is_no_desired_state(files: dict[str, str | bytes], wanted: str | None, rule: str) -> None:
    result = load_texts(files, environment=wanted)
    assert result.desired is None
    assert rule in [finding.rule for finding in result.findings]


def test_documents_are_checked_even_without_an_environment() -> None:
    assert "schema/value" in rules({"m.yaml": mailbox(more="  incoming: nope\n")})
    assert "variable/unknown" not in rules({"m.yaml": mailbox(more="  owner: ${who}\n")})


@pytest.mark.parametrize(
    ("folders", "sound"),
    [
        ("[live]", True),
        ("[live, live/north]", True),
        ("[live/]", True),
        ("[.]", True),
        ("[]", True),
        ("[liev]", False),
        ("[live, live/south]", False),
        ("[liv]", False),
        ("[live/north/m.yaml]", False),
    ],
)
def test_a_misspelt_folder_never_reads_as_a_deletion(folders: str, sound: bool) -> None:
    environment = ENVIRONMENT.replace("spec: {", f"spec: {{layers: {folders}, ")
    result = load_texts({"environment.yaml": environment, "live/p.yaml": PROFILE, "live/north/m.yaml": mailbox()})
    assert (result.desired is not None) is sound, result.findings
    assert ("environment/empty-folder" in [finding.rule for finding in result.findings]) is not sound


def test_locate_reads_again_and_finds_the_nearest_place() -> None:
    text = mailbox(more="  credentials:\n    password: env:SALES\n")
    source = Texts({**BASE, "m.yaml": text})
    listing = source.list()
    desired = load(listing.files, (), source.read, environment=None, source="", revision="").desired
    assert desired is not None
    assert source.reads["m.yaml"] == 1
    table = {
        "emailAddress": (5, 17),
        "credentials.password": (9, 15),
        "credentials.password.ref": (9, 15),
        "credentials.password.generation": (9, 15),
        "credentials.username": (8, 3),
        "outgoing": (4, 1),
        "": (1, 1),
    }
    for path, (line, column) in table.items():
        position = desired.locate(SALES, path)
        assert (position.file, position.line, position.column) == ("m.yaml", line, column), path
    assert source.reads["m.yaml"] == 2
    assert desired.locate(Key("Mailbox", "unheard"), "x") == Position(".")


def test_locate_survives_a_file_that_changed() -> None:
    files: dict[str, str | bytes] = {**BASE, "m.yaml": mailbox()}
    source = Texts(files)
    listing = source.list()
    desired = load(listing.files, (), source.read, environment=None, source="", revision="").desired
    assert desired is not None
    files["m.yaml"] = b"\xff"
    assert desired.locate(SALES, "emailAddress") == Position("m.yaml")


def test_clean_files_are_read_once_and_findings_once_more() -> None:
    source = Texts({**BASE, "good.yaml": mailbox("good"), "bad.yaml": mailbox("bad", more="  incoming: nope\n  outgoing: nope\n")})
    listing = source.list()
    load(listing.files, (), source.read, environment=None, source="", revision="")
    assert source.reads == {"environment.yaml": 1, "profile.yaml": 1, "good.yaml": 1, "bad.yaml": 2}


def test_a_folder_that_cannot_be_read_stops_the_environments_it_may_belong_to() -> None:
    environment = ENVIRONMENT.replace("spec: {", "spec: {layers: [live/north], ")
    source = Texts({"environment.yaml": environment, "live/north/p.yaml": PROFILE})
    listing = source.list()
    for folder, stops in (("live", True), ("live/north", True), ("live/north/a", True), ("live/south", False), ("old", False)):
        hidden = Finding(rule="source/unreadable-folder", severity=Severity.ERROR, message="no", position=Position(folder))
        result = load(listing.files, [hidden], source.read, environment=None, source="", revision="")
        assert (result.desired is None) is stops, folder


def test_the_seam_for_policies() -> None:
    source = Texts({**BASE, "m.yaml": mailbox()})
    listing = source.list()

    def checks(desired: DesiredState, others: Callable[[], Sequence[DesiredState]]) -> list[Finding]:
        assert others() == []
        return [
            Finding(rule="policy/x", severity=Severity.WARNING, message=str(key), position=desired.locate(key, ""))
            for key in desired.resources
            if key.kind == "Mailbox"
        ]

    result = lint(listing.files, (), source.read, environment=None, source="", revision="", checks=checks)
    assert [(finding.rule, str(finding.position)) for finding in result.findings] == [("policy/x", "m.yaml:1:1")]
    assert result.reaches(Severity.WARNING)
    assert not result.reaches(Severity.ERROR)


def test_a_file_name_with_foreign_documents_outside_is_ignored() -> None:
    environment = ENVIRONMENT.replace("spec: {", "spec: {layers: [live], ")
    source = Texts({"environment.yaml": environment, "live/p.yaml": PROFILE, "compose.yml": "services: {}\n", "old/m.yaml": mailbox()})
    listing = source.list()
    result = lint(listing.files, (), source.read, environment=None, source="", revision="")
    assert [(finding.rule, finding.position.file) for finding in result.findings] == [("environment/outside", "old/m.yaml")]
