"""Environments over one base: what is laid over what, where each field comes from, what a bad layer holds."""

from __future__ import annotations

import pytest

from reconcile.desired.lint import lint
from reconcile.model.key import Key
from reconcile.model.resource import DesiredState
from support.estate import ENVIRONMENT, PROFILE, Texts, load_texts, mailbox

SALES, PROFILE_KEY = Key("Mailbox", "sales"), Key("EmailServerProfile", "contoso")

Files = dict[str, str | bytes]


def environment(name: str, *layers: str, domain: str = "contoso.example") -> str:
    return (
        ENVIRONMENT.replace("name: test", f"name: {name}")
        .replace("spec: {", f"spec: {{layers: [{', '.join(layers)}], ")
        .replace("domain: contoso.example", f"domain: {domain}")
    )


def part(kind: str, name: str, rest: str) -> str:
    return f"apiVersion: reconcile/v1alpha2\nkind: {kind}\nmetadata: {{name: {name}}}\n{rest}"


BASE_SALES = """\
apiVersion: reconcile/v1alpha2
kind: Mailbox
metadata:
  name: sales
  labels: {team: sales, tier: gold}
management:
  protect: true
spec:
  emailAddress: sales@${domain}
  type: queue
  profile: contoso
  owner: Sales
  processEmailFrom: 2026-01-01
  credentials: {allowUse: true, username: sales, password: "env:SALES"}
"""
ESTATE: Files = {
    "environments/dev.yaml": environment("dev", "base", "dev", domain="dev.contoso.example"),
    "environments/test.yaml": environment("test", "base", "test", domain="test.contoso.example"),
    "environments/prod.yaml": environment("prod", "base", "europe", "prod"),
    "base/profile.yaml": PROFILE,
    "base/sales.yaml": BASE_SALES,
    "base/info.yaml": mailbox("info", address="info@${domain}"),
    "dev/info.yaml": part("Mailbox", "info", "spec: null\n"),
    "dev/profile.yaml": part("EmailServerProfile", "contoso", "spec: {incoming: {server: localhost, port: 1143, tls: none}}\n"),
    "test/sales.yaml": part("Mailbox", "sales", "spec:\n  owner: null\n  credentials:\n    password: env:SALES_TEST\n"),
    "europe/sales.yaml": part("Mailbox", "sales", "spec:\n  processEmailFrom: 2026-03-01\n  state: inactive\n"),
    "prod/more.yaml": "# first\n---\n"
    + part("Mailbox", "sales", "management: {protect: false}\nspec:\n  state: active\n")
    + "---\n"
    + mailbox("board", address="board@${domain}"),
}


def desired_of(name: str, **changed: str | bytes | None) -> DesiredState:
    files = {**ESTATE, **{path.replace("__", "/") + ".yaml": text for path, text in changed.items()}}
    result = load_texts({path: text for path, text in files.items() if text is not None}, environment=name)
    assert result.desired is not None, result.findings
    return result.desired


def origin(desired: DesiredState, path: str, key: Key = SALES) -> str:
    place = desired.locate(key, path)
    return f"{place.file}:{place.line}:{place.column}"


def test_three_environments_over_one_base() -> None:
    dev, test, prod = (desired_of(name) for name in ("dev", "test", "prod"))
    assert [len(one.findings) for one in (dev, test, prod)] == [0, 0, 0]
    assert [sorted(key.name for key in one.resources if key.kind == "Mailbox") for one in (dev, test, prod)] == [
        ["sales"],
        ["info", "sales"],
        ["board", "info", "sales"],
    ]
    addresses = [one.resources[SALES].spec["emailAddress"] for one in (dev, test, prod)]
    assert addresses == ["sales@dev.contoso.example", "sales@test.contoso.example", "sales@contoso.example"]
    assert dev.resources[PROFILE_KEY].spec["incoming.server"] == "localhost"
    assert prod.resources[PROFILE_KEY].spec["incoming.server"] == "imap.contoso.example"
    assert (test.resources[SALES].spec["credentials.password.ref"], test.resources[SALES].spec["credentials.username"]) == (
        "env:SALES_TEST",
        "sales",
    )
    assert "owner" not in test.resources[SALES].spec
    assert [one.resources[SALES].management.protected for one in (dev, test, prod)] == [True, True, False]
    assert prod.resources[SALES].labels == {"team": "sales", "tier": "gold"}


@pytest.mark.parametrize(
    ("environment", "path", "where"),
    [
        ("dev", "owner", "base/sales.yaml:12:10"),
        ("test", "credentials.password", "test/sales.yaml:7:15"),
        ("test", "credentials.password.ref", "test/sales.yaml:7:15"),
        ("test", "credentials.username", "base/sales.yaml:14:43"),
        ("prod", "processEmailFrom", "europe/sales.yaml:5:21"),
        ("prod", "state", "prod/more.yaml:8:10"),
        ("prod", "type", "base/sales.yaml:10:9"),
        ("prod", "management.protect", "prod/more.yaml:6:23"),
        ("dev", "management.protect", "base/sales.yaml:7:12"),
        ("prod", "", "prod/more.yaml:3:1"),
    ],
)
def test_each_field_shows_its_origin(environment: str, path: str, where: str) -> None:
    assert origin(desired_of(environment), path) == where


def test_origins_of_a_profile_and_of_what_only_a_later_layer_has() -> None:
    assert origin(desired_of("dev"), "incoming.port", PROFILE_KEY) == "dev/profile.yaml:4:44"
    assert origin(desired_of("dev"), "outgoing.port", PROFILE_KEY) == "base/profile.yaml:8:66"
    assert origin(desired_of("prod"), "emailAddress", Key("Mailbox", "board")) == "prod/more.yaml:14:17"


def test_a_finding_points_at_the_layer_that_wrote_the_field() -> None:
    (finding,) = desired_of("prod", europe__sales=part("Mailbox", "sales", "spec: {incoming: nope}\n")).findings
    assert (finding.rule, str(finding.position)) == ("schema/value", "europe/sales.yaml:4:18")


def test_what_is_missing_is_missing_in_the_base() -> None:
    desired = desired_of("test", base__sales=BASE_SALES.replace("  emailAddress: sales@${domain}\n", ""))
    (finding,) = desired.findings
    assert (finding.rule, str(finding.position)) == ("schema/missing-field", "base/sales.yaml:8:1")
    assert set(desired.held_files) == {"base/sales.yaml", "test/sales.yaml"}


def test_an_unknown_variable_is_found_in_the_layer_that_uses_it() -> None:
    (finding,) = desired_of("test", test__sales=part("Mailbox", "sales", "spec: {owner: '${who}'}\n")).findings
    assert (finding.rule, finding.position.file) == ("variable/unknown", "test/sales.yaml")


@pytest.mark.parametrize(
    "overlay",
    [
        part("Mailbox", "sales", "spec: {owner: A}\n").replace("v1alpha2", "v9"),
        part("Mailbox", "sales", "spec: null\n").replace("v1alpha2", "v9"),
        part("Mailbox", "sales", "spec: &anchor {owner: A}\n"),
        part("Mailbox", "sales", "spec: {owner: A}\n---\n") + part("Mailbox", "sales", "spec: {owner: B}\n"),
    ],
)
def test_a_bad_layer_holds_what_it_is_laid_over(overlay: str) -> None:
    desired = desired_of("test", test__sales=overlay)
    assert set(desired.held) == {SALES}
    assert {"test/sales.yaml"} <= set(desired.held_files)
    assert desired.findings
    assert desired_of("dev", test__sales=overlay).held == {}


@pytest.mark.parametrize(
    ("overlay", "held"),
    [
        (b"\xff\xfe not UTF-8", {"sales", "info", "contoso"}),
        ("a: 'never closed", {"sales", "info", "contoso"}),
        (part("Mailbox", "sales", "spec:\n  owner: 'never closed\n"), {"sales", "info", "contoso"}),
        (part("Mailbox", "9 9", "spec: {owner: A}\n").replace("name: 9 9", "nam: sales"), {"sales", "info"}),
        (part("Mailbx", "sales", "spec: {owner: A}\n"), {"sales"}),
        ("- a list\n", {"sales", "info", "contoso"}),
    ],
)
def test_what_a_layer_may_have_meant_is_held(overlay: str | bytes, held: set[str]) -> None:
    """Applying the base alone would undo in production what the unreadable layer says."""
    desired = desired_of("test", test__sales=overlay)
    assert {key.name for key in desired.held} == held
    assert Key("Environment", "test") in desired.resources


def test_an_unreadable_base_holds_no_more_than_its_own() -> None:
    desired = desired_of("prod", base__info=b"\xff")
    assert desired.held == {}
    assert set(desired.held_files) == {"base/info.yaml"}


def test_what_is_taken_away_is_neither_there_nor_held() -> None:
    desired = desired_of("dev")
    assert Key("Mailbox", "info") not in {*desired.resources, *desired.held}
    assert desired.held_files == {}


def test_what_needs_what_was_taken_away_says_so() -> None:
    desired = desired_of("dev", dev__profile=part("EmailServerProfile", "contoso", "spec: null\n"))
    assert {finding.rule for finding in desired.findings} == {"reference/unknown"}
    assert set(desired.held) == {SALES}


def test_a_later_layer_may_bring_back_what_an_earlier_one_took_away() -> None:
    again = part("Mailbox", "info", "spec: {emailAddress: info@fabrikam.example}\n")
    desired = desired_of("prod", europe__info=part("Mailbox", "info", "spec: null\n"), prod__info=again)
    assert desired.resources[Key("Mailbox", "info")].spec == {"emailAddress": "info@fabrikam.example"}


def test_taking_away_what_is_not_there_is_told() -> None:
    (finding,) = desired_of("dev", dev__info=part("Mailbox", "imfo", "spec: null\n")).findings
    assert (finding.rule, str(finding.position)) == ("layer/nothing-to-remove", "dev/info.yaml:3:18")


def test_null_clears_in_the_first_document_and_unsets_in_a_later_one() -> None:
    cleared = BASE_SALES.replace("owner: Sales", "owner: null")
    assert desired_of("dev", base__sales=cleared).resources[SALES].spec["owner"] is None
    assert "owner" not in desired_of("test", base__sales=cleared).resources[SALES].spec
    only = mailbox("board", address="board@${domain}", more="  owner: null\n")
    assert desired_of("prod", prod__more=only).resources[Key("Mailbox", "board")].spec["owner"] is None


def test_lists_are_replaced_and_maps_merged() -> None:
    base = BASE_SALES.replace("  protect: true\n", "  ignore: [owner, filter]\n")
    overlay = part("Mailbox", "sales", "management: {ignore: [profile], onRemoval: forget}\n").replace(
        "sales}", "sales, labels: {tier: null}}"
    )
    found = desired_of("test", base__sales=base, test__sales=overlay).resources[SALES]
    assert (found.management.ignored, str(found.management.on_removal)) == (("profile",), "forget")
    assert found.labels == {"team": "sales"}


def test_one_key_twice_in_one_layer_is_an_error_and_held() -> None:
    desired = desired_of("prod", prod__again=part("Mailbox", "sales", "spec: {state: inactive}\n"))
    (finding,) = desired.findings
    assert (finding.rule, finding.position.file, finding.related[0].file) == ("duplicate/resource", "prod/more.yaml", "prod/again.yaml")
    assert set(desired.held) == {SALES}


def test_of_folders_in_each_other_the_inner_one_counts() -> None:
    files = {
        "e.yaml": environment("test", "live/prod", "live"),
        "live/p.yaml": PROFILE,
        "live/sales.yaml": part("Mailbox", "sales", "spec: {owner: Live}\n"),
        "live/prod/sales.yaml": mailbox(more="  owner: Prod\n"),
    }
    desired = load_texts(files).desired
    assert desired is not None
    assert desired.resources[SALES].spec["owner"] == "Live"


def test_a_secret_is_out_however_often_it_is_laid_over() -> None:
    leaked = BASE_SALES.replace("owner: Sales", "owner: https://user:Correct-Horse@contoso.example/")
    found = desired_of("test", base__sales=leaked, test__sales=part("Mailbox", "sales", "spec: {owner: Sales}\n")).findings
    assert [(finding.rule, finding.position.file, finding.position.line) for finding in found] == [
        ("secret/exposed", "base/sales.yaml", 12)
    ]


def test_lint_looks_at_every_environment() -> None:
    files = {**ESTATE, "europe/sales.yaml": part("Mailbox", "sales", "spec: {state: off}\n"), "lost/m.yaml": mailbox("lost")}
    source = Texts(files)
    result = lint(source.list().files, (), source.read, environment=None, source="", revision="")
    # `state: off` is laid over again in prod, and no other environment has that layer.
    assert [(finding.rule, finding.position.file) for finding in result.findings] == [("environment/outside", "lost/m.yaml")]


@pytest.mark.parametrize("wanted", [None, "typo", "broken"])
def test_without_a_chosen_environment_parts_of_documents_are_not_judged(wanted: str | None) -> None:
    """A layer may hold any part of a document: what it lacks is nobody's mistake."""
    broken = environment("broken", "base", "bsae")
    result = load_texts({**ESTATE, "environments/broken.yaml": broken}, environment=wanted)
    assert result.desired is None
    expected = {None: "environment/ambiguous", "typo": "environment/unknown", "broken": "environment/empty-folder"}[wanted]
    assert {finding.rule for finding in result.findings} == {expected, "environment/empty-folder"}


def test_what_is_wrong_in_any_reading_is_told_without_an_environment() -> None:
    bad: Files = {
        "dev/kind.yaml": part("Mailbxo", "x", "spec: {}\n"),
        "dev/old.yaml": part("Mailbox", "y", "spec: {}\n").replace("v1alpha2", "v7"),
        "dev/syntax.yaml": "a: 'b",
        "dev/list.yaml": "- a\n",
        "dev/secret.yaml": part("Mailbox", "sales", "spec: {credentials: {password: Correct-Horse}}\n"),
        "dev/link.yaml": part("Mailbox", "info", "spec: {owner: 'https://user:Correct-Horse@contoso.example/'}\n"),
    }
    result = load_texts({**ESTATE, **bad}, environment="typo")
    assert {(finding.rule, finding.position.file) for finding in result.findings if finding.position.file != "."} == {
        ("document/kind", "dev/kind.yaml"),
        ("document/api-version", "dev/old.yaml"),
        ("yaml/syntax", "dev/syntax.yaml"),
        ("document/not-a-mapping", "dev/list.yaml"),
        ("secret/plaintext", "dev/secret.yaml"),
        ("secret/exposed", "dev/link.yaml"),
    }


def test_layers_without_any_environment_are_not_taken_for_doubles() -> None:
    files = {path: text for path, text in ESTATE.items() if not path.startswith("environments/")}
    assert [finding.rule for finding in load_texts(files).findings] == ["environment/missing"]


def test_one_bad_environment_spoils_no_other() -> None:
    source = Texts({**ESTATE, "environments/broken.yaml": environment("broken", "base", "bsae")})
    result = lint(source.list().files, (), source.read, environment=None, source="", revision="")
    assert [finding.rule for finding in result.findings] == ["environment/empty-folder"]
