"""Commits in a plan for people: told once a change, short after, and harmless whoever wrote them."""

from __future__ import annotations

from dataclasses import replace

from reconcile.model.change import Cause, Change, Create, Delete, FieldChange, Moved, Plan, Update
from reconcile.model.commit import Commit
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.plan.commits import files, with_commits
from reconcile.plan.digest import digest
from reconcile.report.commit_words import several, whole
from reconcile.report.plan_text import plan_text

TEAM = Commit(id="3f2a91c0" * 5, author="Mail Team <mail@contoso.example>", at="2026-11-20T10:00:00Z", subject="x")
OTHER = Commit(id="77aa91c0" * 5, author="Web Team <web@contoso.example>", at="2026-11-21T10:00:00Z", subject="y")
DRAFT = Commit(id="", author="", at="", subject="")


def changed(path: str, file: str, moved: Moved = Moved.GIT) -> FieldChange:
    return FieldChange(path=path, before="a", after="b", cause=Cause(moved=moved, position=Position(file, 3)))


def update(name: str, *fields: FieldChange) -> Update:
    return Update(key=Key("Mailbox", name), external_id=name, observed_version="v", spec={}, fields=fields)


def gone(name: str) -> Delete:
    cause = Cause(moved=Moved.GIT, note=f"no longer declared (was in {name}.yaml)", was_in=f"{name}.yaml")
    return Delete(key=Key("Mailbox", name), external_id=name, observed_version="v", before={}, cause=cause)


def plan(*changes: Change, **commits: Commit) -> Plan:
    known = {f"{name}.yaml": commit for name, commit in commits.items()}
    return Plan(target="engine", environment="dev", organization_id=None, source="x", revision="", changes=changes, commits=known)


def lines(made: Plan) -> list[str]:
    return plan_text(made, color=False).splitlines()[1:-1]


def test_a_commit_is_told_once_a_change_and_not_where_the_other_side_moved() -> None:
    made = plan(
        update("m", changed("a", "m.yaml"), changed("b", "m.yaml"), changed("c", "l.yaml"), changed("d", "m.yaml", Moved.OUTSIDE)),
        gone("old"),
        m=TEAM,
        l=OTHER,
        old=OTHER,
    )
    assert lines(made) == [
        "~ Mailbox/m",
        "    a: a → b   # m.yaml:3, changed in git, commit 3f2a91c03 (Mail Team, 2026-11-20)",
        "    b: a → b   # m.yaml:3, changed in git, commit 3f2a91c03",
        "    c: a → b   # l.yaml:3, changed in git, commit 77aa91c07 (Web Team, 2026-11-21)",
        "    d: a → b   # m.yaml:3, changed outside",
        "- Mailbox/old   # no longer declared (was in old.yaml), commit 77aa91c07 (Web Team, 2026-11-21)",
    ]
    assert lines(plan(update("m", changed("a", "m.yaml")), m=DRAFT))[1].endswith("changed in git, not committed")
    assert lines(plan(update("m", changed("a", "m.yaml"))))[1].endswith("# m.yaml:3, changed in git")


def test_a_group_names_its_commits_as_one() -> None:
    def group(*commits: Commit) -> str:
        names = [f"m{number}" for number in range(30)]
        changes = [update(name, changed("a", f"{name}.yaml")) for name in names]
        return lines(plan(*changes, **{name: commits[number % len(commits)] for number, name in enumerate(names)}))[0].partition("more")[2]

    assert group(TEAM) == "   # commit 3f2a91c03 (Mail Team, 2026-11-20)"
    assert group(TEAM, OTHER) == "   # 2 commits, the last 77aa91c07 (Web Team, 2026-11-21)"
    assert group(TEAM, DRAFT) == "   # 1 commit, and not committed"
    assert several([]) == ""


def test_names_of_strangers_steer_nothing_and_take_no_room() -> None:
    hostile = replace(TEAM, author="\x1b[31m\u202e" + "e\u0301" * 400 + "\n <x>")
    shown = "\n".join(lines(plan(update("m", changed("a", "m.yaml")), m=hostile)))
    assert "\\x1b[31m\\u202e" in shown
    assert not any(character in shown for character in "\x1b\u202e")
    assert shown.count("\n") == 1
    assert len(shown) < 600
    assert whole(replace(TEAM, author="", at="")) == "commit 3f2a91c03"
    assert whole(replace(TEAM, author="<mail@contoso.example>")) == "commit 3f2a91c03 (mail@contoso.example, 2026-11-20)"


def test_the_files_that_are_asked_for_are_those_of_causes_and_the_digest_stays() -> None:
    create = Create(key=Key("Mailbox", "n"), spec={}, cause=Cause(moved=Moved.NEW, position=Position("n.yaml", 1)))
    renamed = Update(
        key=Key("Mailbox", "r"),
        external_id="r",
        observed_version="v",
        spec={},
        fields=(),
        previous=Key("Mailbox", "q"),
        position=Position("r.yaml", 1),
    )
    nowhere = Create(key=Key("Mailbox", "x"), spec={}, cause=Cause(moved=Moved.NEW, position=Position(".")))
    made = plan(update("m", changed("a", "m.yaml")), gone("old"), create, renamed, nowhere)
    assert files(made) == {"m.yaml", "old.yaml", "n.yaml", "r.yaml"}
    from reconcile.model.commit import LastCommits

    found = with_commits(made, lambda asked: LastCommits(found=dict.fromkeys([*asked, "other.yaml"], TEAM), why_missing="shallow"))
    assert found.commits.keys() == files(made)
    assert [note.message for note in found.notes] == ["shallow"]
    assert digest("engine", None, found.changes) == digest("engine", None, made.changes)
    assert with_commits(plan(), lambda asked: 1 / 0) == plan()  # type: ignore[arg-type,return-value]
