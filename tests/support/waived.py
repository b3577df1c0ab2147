"""An estate with one rule of its own that one mailbox breaks, and waivers of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

ENVIRONMENT = """\
apiVersion: reconcile/v1alpha2
kind: Environment
metadata: {name: test}
spec: {timeZone: UTC}
"""
RULE = """\
apiVersion: reconcile/v1alpha2
kind: PolicyRule
metadata: {name: our-names}
spec:
  title: A mailbox has a name of ours
  severity: error
  message: "{mailbox.name} is no name of ours"
  rationale: We find them by it.
  remediation: Rename it.
  sources: [{title: Our handbook, date: "2026"}]
  appliesTo: Mailbox
  assert: mailbox.name.startsWith("our-")
"""
MAILBOX = """\
apiVersion: reconcile/v1alpha2
kind: Mailbox
metadata: {name: sales}
spec: {emailAddress: sales@contoso.example, type: queue}
"""
ESTATE: dict[str, str | None] = {"environment.yaml": ENVIRONMENT, "rule.yaml": RULE, "sales.yaml": MAILBOX}
SOON = (datetime.now(UTC) + timedelta(days=200)).date().isoformat()


def waiver(approver: str = "security-desk", *, name: str = "sales", expires: str = SOON, more: str = "") -> str:
    """Of the mailbox sales; `more` are further lines of its spec, indented by two."""
    return (
        f"apiVersion: reconcile/v1alpha2\nkind: Waiver\nmetadata: {{name: {name}}}\nspec:\n  rules: [our-names]\n"
        f"  selector: {{names: [sales]}}\n  reason: It is older than the rule.\n  approver: {approver}\n  expires: {expires}\n{more}"
    )


def settings(*approvers: tuple[str, str], more: str = "") -> str:
    """Approvers with a public key each, "" for none."""
    listed = "".join(f"    - name: {name}\n" + (f"      keys: [{key!r}]\n" if key else "") for name, key in approvers)
    below = f"  approvers:\n{listed}" if listed else ""
    return f"apiVersion: reconcile/v1alpha2\nkind: PolicySettings\nmetadata: {{name: ours}}\nspec:\n{below}{more}"
