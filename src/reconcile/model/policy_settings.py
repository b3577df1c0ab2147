"""What an estate makes of the rules: which are on, how heavy they weigh, their parameters, and who may approve."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field

from reconcile.model.document import Group, PolicyDocument, Spec, required, setting
from reconcile.model.policy_rule import ParameterName, Scalar, SeverityWord
from reconcile.model.problem import Problem
from reconcile.model.text import Line, SetOf, Slug

#: From the weakest to the strongest.
ApprovalMeans: TypeAlias = Literal["names", "reviews", "signatures"]


class RuleSetting(Group):
    """One rule, set differently."""

    enabled: bool | None = setting("Switch it on or off.")
    severity: SeverityWord | None = setting("Another severity, whatever the date.")
    parameters: dict[ParameterName, Scalar | Annotated[tuple[Line, ...], Field(strict=False)]] = setting(
        "Values of its parameters.", default={}
    )
    requires_approval_of: Annotated[tuple[Line, ...], Field(strict=False)] | None = setting(
        "Of a rule over changes or plans: whose approval it asks for; any stands for whoever may approve.", examples=(["security-desk"],)
    )
    minimum_approvals: int | None = setting("Of such a rule: how many of them must have approved.", ge=1, le=20)
    reason: Line | None = setting("Why; shown by `reconcile policy list`.", max_length=500)


class Approver(Group):
    """Somebody whose approval counts, once it is proved from outside the change."""

    name: Line = required("Name that waivers use, usually the account at the forge.", max_length=200)
    keys: Annotated[tuple[Line, ...], Field(strict=False), SetOf] = setting(
        "Public SSH keys whose signature under the commit proves the approval.", default=()
    )


class PolicySettingsSpec(Spec):
    """Settings of one or more environments."""

    environments: Annotated[tuple[Slug, ...], Field(strict=False), SetOf] | None = setting(
        "Environments they are for; omitted means all that take the document."
    )
    rules: dict[Slug, RuleSetting] = setting("metadata.name of a rule → its settings.", default={})
    fail_on: SeverityWord = setting("Findings from here on fail the gate.", default="error")
    waiver_warning_days: int = setting("Days before its end from which a waiver is reported as expiring soon.", default=30, ge=0, le=3650)
    maximum_waiver_days: int = setting(
        "Days that a waiver may still run; one that ends later accepts nothing.", default=366, ge=1, le=36500
    )
    approvers: Annotated[tuple[Approver, ...], Field(strict=False)] = setting("Who may approve waivers and changes.", default=())
    approvals: ApprovalMeans | None = setting(
        "What shows that an approver approved: names (the name in the file), reviews (a review at the forge, or a signature), signatures "
        "(a signature under the commit that wrote the file).",
        derived="signatures where an approver has keys, reviews where approvers have none, names where nobody is declared",
    )


class PolicySettings(PolicyDocument):
    """What an estate makes of the rules."""

    kind: Literal["PolicySettings"] = required("PolicySettings.")
    spec: PolicySettingsSpec = required("The settings.")


def problems(spec: PolicySettingsSpec) -> Iterator[Problem]:
    """Settings that set nothing."""
    for name, one in spec.rules.items():
        asks = one.requires_approval_of is not None or one.minimum_approvals is not None
        if one.enabled is None and one.severity is None and not one.parameters and not asks:
            yield Problem(f"rules.{name}", "sets nothing: write enabled, severity, parameters or whose approval it asks for, or remove it")
        if one.requires_approval_of == ():
            yield Problem(f"rules.{name}.requiresApprovalOf", "write the names of approvers, or any")
    names = [one.name for one in spec.approvers]
    if len(set(names)) < len(names):
        yield Problem("approvers", "an approver is named twice")
    for number, approver in enumerate(spec.approvers):
        for place, key in enumerate(approver.keys):
            if not is_public_key(key):
                yield Problem(f"approvers.{number}.keys.{place}", _NO_KEY)


_NO_KEY: Final = "is no public SSH key of one line, as in id_ed25519.pub; options before the key and certificates are not taken"
_PUBLIC_KEY: Final = re.compile(
    r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)"
    r" +([A-Za-z0-9+/]{40,16000}={0,2})(?: .*)?"
)


def is_public_key(text: str) -> bool:
    """Whether it is a public key as ssh-keygen writes it: type, base64, and perhaps a comment."""
    return _PUBLIC_KEY.fullmatch(text) is not None


def bare_key(text: str) -> str:
    """The same without its comment: what two keys are compared by. Raises ValueError for no public key."""
    found = _PUBLIC_KEY.fullmatch(text)
    if found is None:
        raise ValueError(_NO_KEY)
    return f"{found[1]} {found[2]}"
