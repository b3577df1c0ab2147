"""A repository with a base and a change, as a gate meets them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from support.estate_folder import document, imap_profile, user_mailbox
from support.repository import Repository, new_repository

ENVIRONMENT = """\
apiVersion: reconcile/v1alpha2
kind: Environment
metadata: {name: prod}
spec:
  target: {type: engine}
  timeZone: Europe/Berlin
  allowedRecipients: ["@contoso.example"]
  brakes: {bulkDelete: {count: 3, percent: 30}}
"""
#: A rule of the estate: what it is about is of no concern here.
RULE = """\
apiVersion: reconcile/v1alpha2
kind: PolicyRule
metadata: {name: patient-polling}
spec:
  title: A profile polls no more often than every five minutes
  severity: error
  message: "{profile.name} polls every {profile.minPollingInterval}"
  rationale: Servers count connections, and close those who call too often.
  remediation: Set minPollingInterval to 5m or more.
  sources: [{title: House rule, date: "2026"}]
  appliesTo: EmailServerProfile
  assert: duration(profile.minPollingInterval) >= duration("300s")
  at: [profile.minPollingInterval]
---
apiVersion: reconcile/v1alpha2
kind: PolicyRule
metadata: {name: named-mailboxes}
spec:
  title: A mailbox has a display name
  severity: warning
  message: "{mailbox.name} has no display name"
  rationale: People look for names.
  remediation: Set displayName.
  sources: [{title: House rule, date: "2026"}]
  appliesTo: Mailbox
  assert: mailbox.displayName != mailbox.emailAddress
"""
SETTINGS = """\
apiVersion: reconcile/v1alpha2
kind: PolicySettings
metadata: {name: house}
spec:
  rules: {named-mailboxes: {severity: information}}
  approvers: [{name: mail-lead}, {name: security}]
"""


def base_files(mailboxes: int = 6) -> dict[str, str | None]:
    """One finding that was there before: m0 has no display name."""
    files: dict[str, str | None] = {
        "estate/environment.yaml": ENVIRONMENT,
        "estate/policies/rules.yaml": RULE,
        "estate/policies/settings.yaml": SETTINGS,
        "estate/profiles/one.yaml": profile(),
    }
    return files | {f"estate/mailboxes/m{number}.yaml": mailbox(f"m{number}", named=number > 0) for number in range(mailboxes)}


def profile(interval: str = "10m") -> str:
    """Profile `one`."""
    return document(*imap_profile("one", minPollingInterval=interval))


def mailbox(name: str, *, named: bool = True, **more: object) -> str:
    """A mailbox on profile `one`."""
    shown = {"displayName": name.upper()} if named else {}
    return document(*user_mailbox(name, **{**shown, **more}))


def gated(root: Path, change: Mapping[str, str | None]) -> Repository:
    """main has the base; branch change has one commit more, and is checked out."""
    repository = new_repository(root)
    repository.commit("Lay the estate", base_files())
    repository.git("checkout", "-q", "-b", "change")
    repository.commit("Change it", change, author="Review <review@contoso.example>")
    return repository
