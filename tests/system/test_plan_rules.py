"""Rules over plans, from the command line, on real repositories with real signatures: nothing is written while one counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support.plan_rules import Desk, estate, mailbox, rule, settings
from support.repository import Repository, new_repository
from support.signing import SigningKey, new_key, signed_commit

RULE = "deletions-are-approved"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    monkeypatch.setenv("RECONCILE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("RECONCILE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("RECONCILE_ACTOR", "tester@contoso.example")
    return Desk(new_repository(tmp_path / "estate"), capsys)


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return new_key(tmp_path / "keys", "security")


def applied(desk: Desk, **more: str) -> Repository:
    """Three mailboxes are there, and git has them no more."""
    desk.repository.commit("estate", estate("a", "b", "c", **more))
    assert desk("apply", "--yes").code == 0
    desk.repository.write({"mailboxes/b.yaml": None, "mailboxes/c.yaml": None})
    return desk.repository


def test_a_finding_is_shown_and_nothing_is_written(desk: Desk, tmp_path: Path) -> None:
    repository = applied(desk)
    before = desk.trail()
    plan = desk("plan")
    assert plan.code == 3
    assert f"rule {RULE}: b goes, one of 2\n    error; Mailbox/b, Mailbox/c; environment.yaml:1\n" in plan.out
    assert "needs an approval; nobody is named who may approve: write approvers in a PolicySettings" in plan.out
    assert plan.out.endswith("held 0 · unchanged 2 · rules 2\n")
    document = desk("plan", "--output", "json").json
    assert (document["exit"], document["summary"]["rules"], document["plan"]["judgement"]["stops"]) == ("findings", 2, 2)
    assert [one["resource"] for one in document["plan"]["judgement"]["findings"]] == ["Mailbox/b", "Mailbox/c"]
    comment = desk("plan", "--output", "markdown")
    assert (comment.code, f"- **`{RULE}`** (error, `environment.yaml:1`): b goes, one of 2" in comment.out) == (3, True)

    for words in (("--yes",), ("--yes", "--lift-brake", "bulk-delete"), ("--yes", "--output", "json")):
        refused = desk("apply", *words)
        assert refused.code == 3
        assert f"the rule {RULE} stands against it" in refused.err or refused.json["outcomes"] == []
    saved = tmp_path / "plan.json"
    assert desk("plan", "--out", str(saved)).code == 3
    assert desk("apply", str(saved)).code == 3
    assert (desk.mailboxes(), desk.trail()) == ({"a", "b", "c"}, before)

    assert desk("drift").code == 2, "drift has no rules"
    assert desk("lint").code == 0, "nor has lint a plan"
    repository.write({"mailboxes/d.yaml": mailbox("d")})
    part = desk("plan", "--only", "d")
    assert (part.code, "\nrule " in part.out) == (0, False), "what the part contains"
    assert desk("apply", "--yes", "--only", "d").code == 0
    assert desk.mailboxes() == {"a", "b", "c", "d"}


def test_the_signature_of_an_approver_lets_it_through_and_is_recorded(desk: Desk, key: SigningKey) -> None:
    repository = applied(desk, **{"settings.yaml": settings(("security-desk", key.public))})
    unsigned = repository.commit("remove")
    waits = desk("plan")
    assert (waits.code, f"security-desk: commit {unsigned[:12]} is not signed" in waits.out) == (3, True)
    assert "needs an approval by security-desk" in waits.out
    assert desk("apply", "--yes").code == 3

    signed = signed_commit(repository, "approve", {}, key)
    plan = desk("plan")
    assert (plan.code, f"approved by security-desk (signed commit {signed[:12]})" in plan.out) == (0, True)
    assert desk("plan", "--revision", "HEAD").code == 0
    assert desk("apply", "--yes", "--revision", "HEAD").code == 0
    assert desk.mailboxes() == {"a"}
    assert desk.trail()[-3:] == [
        ("approve", f"PolicyRule/{RULE}", "granted"),
        ("delete", "Mailbox/b", "applied"),
        ("delete", "Mailbox/c", "applied"),
    ]
    (record,) = desk("history", "--action", "approve", "--output", "json").json["records"]
    given = [{"name": "security-desk", "proof": f"signed commit {signed[:12]}"}]
    assert record["detail"] == {"of": ["any"], "minimum": 1, "given": given, "commit": signed}


def test_an_approval_does_not_outlive_what_it_was_for(desk: Desk, key: SigningKey, tmp_path: Path) -> None:
    repository = applied(desk, **{"settings.yaml": settings(("security-desk", key.public))})
    signed_commit(repository, "approve", {}, key)
    assert desk("plan").code == 0
    saved = tmp_path / "plan.json"
    assert desk("plan", "--out", str(saved)).code == 0

    repository.write({"a note.md": "beside the estate"})
    assert desk("plan").code == 0, "no document of the estate"
    repository.write({"mailboxes/a.yaml": mailbox("a") + "# changed\n"})
    dirty = desk("plan")
    assert (dirty.code, "mailboxes/a.yaml is not committed as it is" in dirty.out) == (3, True)
    stale = desk("apply", str(saved))
    assert (stale.code, "mailboxes/a.yaml is not committed" in stale.out) == (3, True), "a plan of the folder as it is"

    repository.git("add", "-A")
    repository.record("amended", "--amend")
    assert desk("plan").code == 3
    assert desk("apply", "--yes", "--revision", "HEAD").code == 3
    assert desk.mailboxes() == {"a", "b", "c"}


def test_a_plan_of_a_commit_is_approved_where_the_commit_is(
    desk: Desk, key: SigningKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = applied(desk, **{"settings.yaml": settings(("security-desk", key.public))})
    repository.commit("remove")
    saved = tmp_path / "plan.json"
    assert desk("plan", "--revision", "HEAD", "--out", str(saved)).code == 3
    signed_commit(repository, "approve something else", {"mailboxes/d.yaml": mailbox("d")}, key)
    assert desk("apply", str(saved)).code == 3, "the plan's own commit is not signed"
    signed_commit(repository, "approve", {}, key)
    assert desk("plan", "--revision", "HEAD", "--out", str(saved)).code == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    lost = desk("apply", str(saved), at=elsewhere)
    assert (lost.code, "security-desk: the estate is not at hand" in lost.out) == (3, True)
    assert desk.mailboxes() == {"a", "b", "c"}
    assert desk("apply", str(saved)).code == 0
    assert desk.mailboxes() == {"a", "d"}


def test_keys_that_do_not_count(desk: Desk, key: SigningKey, tmp_path: Path) -> None:
    repository = applied(desk)
    brought = signed_commit(repository, "myself", {"settings.yaml": settings(("security-desk", key.public))}, key)
    plan = desk("plan")
    assert (plan.code, "the key came with what it signs" in plan.out) == (3, True)
    signed_commit(repository, "an empty one is no way round", {}, key)
    assert desk("plan").code == 3
    stranger = new_key(tmp_path / "keys", "stranger")
    signed_commit(repository, "somebody", {"x.yaml": mailbox("x")}, stranger)
    assert (desk("plan").code, "is signed with another key" in desk("plan").out) == (3, True)
    signed_commit(repository, "the approver", {}, key)
    assert desk("plan").code == 0, f"known since {brought}"


def test_reviews_that_the_pipeline_hands_in(desk: Desk) -> None:
    repository = applied(desk, **{"settings.yaml": settings(("mail-lead", ""), ("security-desk", ""))})
    before = repository.git("rev-parse", "HEAD")
    commit = repository.commit("remove")
    assert desk("plan", "--approval", f"mail-lead@{before}").code == 3, "another commit"
    stranger = desk("plan", "--approval", f"somebody@{commit}")
    assert (stranger.code, "mail-lead: no review of 'mail-lead'" in stranger.out) == (3, True)
    bad = desk("plan", "--approval", "mail-lead@HEAD")
    assert (bad.code, "is not NAME@COMMIT" in bad.err) == (1, True)
    assert desk("apply", "--yes", "--approval", f"mail-lead@{before}").code == 3
    assert desk.mailboxes() == {"a", "b", "c"}
    done = desk("apply", "--yes", "--approval", f"mail-lead@{commit}")
    assert (done.code, "approved by mail-lead (reviewed by mail-lead)" in done.out) == (0, True)
    assert desk.mailboxes() == {"a"}


def test_as_many_as_the_rule_asks_for(desk: Desk, key: SigningKey, tmp_path: Path) -> None:
    other = new_key(tmp_path / "keys", "lead")
    named = settings(("security-desk", key.public), ("mail-lead", other.public), ("intern", ""))
    repository = applied(desk, **{"settings.yaml": named, "rule.yaml": rule("security-desk, mail-lead", 2)})
    commit = repository.commit("remove")
    assert desk("plan", "--approval", f"intern@{commit}").code == 3
    one = signed_commit(repository, "one", {}, key)
    half = desk("plan")
    assert (half.code, "needs 1 more approval by security-desk, mail-lead" in half.out) == (3, True)
    assert f"approved by security-desk (signed commit {one[:12]})" in half.out
    assert desk("plan", "--approval", f"mail-lead@{commit}").code == 0, "the same estate"
    signed_commit(repository, "two", {}, other)
    assert desk("plan").code == 0


def test_the_loop_holds_the_plan_until_it_is_signed(desk: Desk, key: SigningKey) -> None:
    repository = applied(desk, **{"settings.yaml": settings(("security-desk", key.public))})
    repository.commit("remove")
    held = desk("run", "--once", "--output", "json")
    assert held.code == 3
    events = [json.loads(line) for line in held.out.splitlines()]
    stalled = next(one for one in events if one["part"] == "configuration")
    assert (stalled["kind"], stalled["rules"]) == ("stalled", [RULE])
    assert f"the rule {RULE} stands against it: b goes, one of 2; needs an approval by security-desk" in stalled["message"]
    assert desk.mailboxes() == {"a", "b", "c"}
    signed_commit(repository, "approve", {}, key)
    assert desk("run", "--once").code == 0
    assert desk.mailboxes() == {"a"}


def test_a_change_is_judged_by_its_base(desk: Desk, key: SigningKey, tmp_path: Path) -> None:
    repository = desk.repository
    repository.commit("estate", estate("a", "b", **{"settings.yaml": settings(("security-desk", key.public))}))
    repository.git("checkout", "-q", "-b", "change")
    head = repository.commit("remove it, and the rule with it", {"mailboxes/b.yaml": None, "rule.yaml": None})
    against = desk("plan", "--against", "git:main", "--revision", "HEAD")
    assert (against.code, f"rule {RULE}: b goes" in against.out) == (3, True)
    out = tmp_path / "out"
    failed = desk("ci", "--base", "main", "--out", str(out))
    assert (failed.code, f"test: the rule {RULE} stands against it: b goes, one of 1" in failed.err) == (3, True)
    assert f"- **`{RULE}`** (error" in (out / "comment.md").read_text()
    assert "### Configuration check failed: 1 rule stands against the plan, an approval is missing\n" in (out / "comment.md").read_text()
    assert desk("ci", "--base", "main", "--fail-on", "never").code == 3, "the rule is gone, which waits for approval"
    assert desk("ci", "--base", "main", "--out", str(out), "--approval", f"security-desk@{head}").code == 0
    assert "approved by security-desk (reviewed by security-desk)" in (out / "comment.md").read_text()
    repository.git("checkout", "-q", "main")
    back = desk("plan", "--against", "git:change", "--revision", "HEAD")
    assert (back.code, "\nrule " in back.out) == (0, False), "that base has no rule"


def test_a_revert_is_judged_too(desk: Desk) -> None:
    repository = desk.repository
    repository.commit("estate", estate("a"))
    added = repository.commit("one more", {"mailboxes/b.yaml": mailbox("b")})
    assert desk("apply", "--yes").code == 0
    back = desk("plan", "--revert", added)
    assert (back.code, f"rule {RULE}: b goes, one of 1" in back.out) == (3, True)


def _ignored(repository: Repository) -> str:
    repository.write({".gitignore": "*.yml\n", "mailboxes/x.yml": mailbox("x")})
    return "mailboxes/x.yml"


def _taken_for_unchanged(repository: Repository) -> str:
    repository.git("update-index", "--assume-unchanged", "mailboxes/a.yaml")
    repository.write({"mailboxes/a.yaml": mailbox("a") + "# changed\n"})
    return "mailboxes/a.yaml"


def _left_out_of_the_checkout(repository: Repository) -> str:
    repository.git("update-index", "--skip-worktree", "mailboxes/a.yaml")
    repository.write({"mailboxes/a.yaml": None})
    return "mailboxes/a.yaml"


def _in_the_index_only(repository: Repository) -> str:
    repository.write({"mailboxes/x.yaml": mailbox("x")})
    repository.git("add", "-A")
    return "mailboxes/x.yaml"


@pytest.mark.parametrize("hide", [_ignored, _taken_for_unchanged, _left_out_of_the_checkout, _in_the_index_only])
def test_what_git_does_not_look_at_is_not_approved(desk: Desk, key: SigningKey, hide: Callable[[Repository], str]) -> None:
    repository = applied(desk, **{"settings.yaml": settings(("security-desk", key.public))})
    signed_commit(repository, "approve", {}, key)
    assert desk("plan").code == 0
    path = hide(repository)
    plan = desk("plan", "--lift-brake", "emptied")
    assert (plan.code, f"{path} is not committed as it is" in plan.out) == (3, True)
    assert desk("plan", "--revision", "HEAD").code == 0


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("rule.yaml", rule().replace("change.action !=", "change.acton !=")),
        ("rule.yaml", rule().replace("severity", "seriousness")),
        ("settings.yaml", settings(("security-desk", "")).replace("approvers", "approver")),
        (
            "settings.yaml",
            settings(("security-desk", "")).replace("{approvers", "{rules: {changes-keep-to-the-windw: {enabled: true}}, approvers"),
        ),
    ],
    ids=["expression", "rule", "settings", "name in settings"],
)
def test_nothing_is_let_through_by_half_a_rule_book(desk: Desk, file: str, text: str) -> None:
    applied(desk)
    desk.repository.write({file: text})
    plan = desk("plan")
    assert (plan.code, "\nrule " in plan.out) == (3, True)
    assert desk("apply", "--yes").code == 3
    assert desk.mailboxes() == {"a", "b", "c"}


def test_a_waiver_accepts_a_finding_about_a_change(desk: Desk) -> None:
    repository = applied(desk)
    waiver = (
        "apiVersion: reconcile/v1alpha2\nkind: Waiver\nmetadata: {name: b-goes}\nspec:\n"
        f"  rules: [{RULE}]\n  selector: {{names: [b]}}\n  reason: It was a test.\n  approver: security-desk\n  expires: 2027-06-30\n"
    )
    repository.write({"waiver.yaml": waiver})
    plan = desk("plan")
    assert (plan.code, "accepted by waiver b-goes" in plan.out, f"rule {RULE}: c goes" in plan.out) == (3, True, True)
    lint = desk("lint", "--output", "json").json
    assert [one["rule"] for one in lint["findings"] if one["rule"].startswith("waiver/")] == [], "lint cannot tell whether it is used"
    assert desk("apply", "--yes", "--exclude", "c").code == 0
    assert desk.mailboxes() == {"a", "c"}


PROFILES = "---\n".join(
    f"apiVersion: reconcile/v1alpha2\nkind: EmailServerProfile\nmetadata: {{name: {name}}}\n"
    f"spec: {{displayName: {name}, serverType: imap-smtp, incoming: {{server: imap.{name}.example}}}}\n"
    for name in ("old", "new")
)


def test_the_shipped_rules_ask_once_the_brake_is_lifted(desk: Desk) -> None:
    """Where approvers are named; elsewhere brakes alone hold. A brake that stands has said it."""

    def on(profile: str) -> dict[str, str | None]:
        return {f"m{k}.yaml": mailbox(f"m{k}").replace("type: queue", f"type: queue, profile: {profile}") for k in range(5)}

    repository = desk.repository
    environment = "apiVersion: reconcile/v1alpha2\nkind: Environment\nmetadata: {name: test}\nspec: {}\n"
    repository.commit("estate", {"environment.yaml": environment, "profiles.yaml": PROFILES, **on("old")})
    assert desk("apply", "--yes").code == 0
    moved = repository.commit("move", on("new"))
    lifted = ("--lift-brake", "bulk-delete")
    assert (desk("plan").code, desk("plan", *lifted).code) == (4, 0), "nobody is named"

    commit = repository.commit("approvers", {"settings.yaml": settings(("mail-lead", ""))})
    stopped = desk("plan")
    assert (stopped.code, "\nrule " in stopped.out) == (4, False), "the brake says it"
    asked = desk("plan", *lifted)
    assert (asked.code, "rule many-profile-switches-are-approved: 5 mailboxes, 100 % of the 5 there are" in asked.out) == (3, True)
    assert desk("apply", "--yes", *lifted).code == 3
    assert desk("apply", "--yes", *lifted, "--approval", f"mail-lead@{moved}").code == 3, "before the approvers were named"
    saved = repository.root.parent / "plan.json"
    assert desk("plan", "--out", str(saved)).code == 4
    assert desk("apply", str(saved), *lifted).code == 3, "lifting the brake of a saved plan is judged too"
    assert desk("apply", str(saved), *lifted, "--approval", f"mail-lead@{commit}").code == 0
    assert desk("plan", "--detailed-exitcode").code == 0


def test_production_asks_before_it_loses_anything(desk: Desk) -> None:
    repository = desk.repository
    environment = "apiVersion: reconcile/v1alpha2\nkind: Environment\nmetadata: {name: test, labels: {stage: production}}\nspec: {}\n"
    repository.commit("estate", {"environment.yaml": environment, "a.yaml": mailbox("a"), "b.yaml": mailbox("b")})
    assert desk("apply", "--yes").code == 0
    repository.commit("remove", {"b.yaml": None})
    refused = desk("apply", "--yes")
    assert (refused.code, "rule production-loses-nothing-unapproved stands against it" in refused.err) == (3, True)
    off = settings(("mail-lead", "")).replace("{approvers", "{rules: {production-loses-nothing-unapproved: {enabled: false}}, approvers")
    repository.write({"settings.yaml": off})
    assert desk("plan").code == 0, "an estate that wants it otherwise says so"
    repository.write({"settings.yaml": off.replace("enabled: false", "severity: warning")})
    warned = desk("plan")
    assert (warned.code, "rule production-loses-nothing-unapproved" in warned.out) == (0, True)
    repository.write({"settings.yaml": off.replace("enabled: false", "severity: warning").replace("spec: {", "spec: {failOn: warning, ")})
    assert desk("plan").code == 3


def test_a_saved_plan_meets_the_hour_it_is_applied_at(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = desk.repository
    window = "{rules: {changes-keep-to-the-window: {enabled: true, parameters: {days: [DAYS]}}}, approvers"
    settings_on = settings(("mail-lead", "")).replace("{approvers", window)
    days = "monday, tuesday, wednesday, thursday, friday, saturday, sunday"
    open_hours = settings_on.replace("DAYS", days).replace("parameters: {", "parameters: {from: 0, until: 24, ")
    repository.commit("estate", {**estate("a"), "settings.yaml": open_hours})
    saved = tmp_path / "plan.json"
    assert desk("plan", "--out", str(saved)).code == 0
    repository.write({"settings.yaml": settings_on.replace("DAYS", "")})
    closed = desk("apply", str(saved))
    assert (closed.code, "rule changes-keep-to-the-window: it is " in closed.out) == (3, True), "the window closed in between"
    repository.write({"settings.yaml": open_hours})
    assert desk("apply", str(saved)).code == 0


def test_settings_say_whose_approval_a_shipped_rule_asks_for(desk: Desk) -> None:
    repository = desk.repository
    environment = "apiVersion: reconcile/v1alpha2\nkind: Environment\nmetadata: {name: test, labels: {stage: production}}\nspec: {}\n"
    asks = "{rules: {production-loses-nothing-unapproved: {requiresApprovalOf: [security-desk]}}, approvers"
    named = settings(("mail-lead", ""), ("security-desk", "")).replace("{approvers", asks)
    repository.commit("estate", {"environment.yaml": environment, "settings.yaml": named, "a.yaml": mailbox("a"), "b.yaml": mailbox("b")})
    assert desk("apply", "--yes").code == 0
    commit = repository.commit("remove", {"b.yaml": None})
    other = desk("plan", "--approval", f"mail-lead@{commit}")
    assert (other.code, "needs an approval by security-desk" in other.out) == (3, True)
    assert desk("plan", "--approval", f"security-desk@{commit}").code == 0
    both = named.replace("[security-desk]}", "[any], minimumApprovals: 2}")
    commit = repository.commit("two", {"settings.yaml": both})
    assert desk("plan", "--approval", f"security-desk@{commit}").code == 3
    assert desk("plan", "--approval", f"security-desk@{commit}", "--approval", f"mail-lead@{commit}").code == 0
    repository.write(
        {"settings.yaml": named.replace("production-loses-nothing-unapproved", "one-address-is-synchronised-in-one-environment")}
    )
    lint = desk("lint")
    assert (lint.code, "only rules over changes and plans ask for approval" in lint.out) == (3, True)


def test_lint_tells_of_an_approver_nobody_declares_and_the_plan_where_the_rule_fires(desk: Desk) -> None:
    repository = desk.repository
    named = settings(("mail-lead", ""), ("security-desk", ""))
    repository.commit("estate", {**estate("a", "b", "c"), "rule.yaml": rule("securty-desk"), "settings.yaml": named})
    lint = desk("lint")
    assert lint.code == 3
    assert "'securty-desk' is not among the approvers of environment test, so deletions-are-approved cannot get its approval" in lint.out
    assert "--> rule.yaml:13:24" in lint.out
    assert "did you mean security-desk?" in lint.out
    assert desk("apply", "--yes").code == 0, "a plan that asks nobody is not stopped by it"
    commit = repository.commit("remove", {"mailboxes/b.yaml": None})
    stopped = desk("plan", "--approval", f"securty-desk@{commit}")
    assert (stopped.code, "'securty-desk' is not among the approvers of the policy settings" in stopped.out) == (3, True)
