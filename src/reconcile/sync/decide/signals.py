"""What a header says of a message beside its addresses: that a machine wrote it as a reply, that rights protect it.

Sources: RFC 3834, section 5 (Auto-Submitted); [MS-OXCMAIL] 2.2.3.2.14 (X-Auto-Response-Suppress); Exchange: "Content-Class: rpmsg.message"
of [MS-OXORMMS] 2.2.
"""

from __future__ import annotations

import re

from reconcile.lazy_dataclass import dataclass

_FIELDS = re.compile(
    rb"^(auto-submitted|x-auto-response-suppress|x-autoreply|x-autorespond|precedence|x-ms-exchange-inbox-rules-loop|content-class"
    rb"|content-type)[ \t]*:[ \t]*([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """Each is the field that says so, or empty."""

    automatic: str = ""
    rights_managed: str = ""


def signals(block: bytes) -> Signals:
    """`block` is a header block, whatever its bytes."""
    found: dict[str, str] = {}
    for name, value in _FIELDS.findall(block):
        word, text = name.decode("ascii").lower(), " ".join(value.decode("utf-8", "replace").split())
        found.setdefault(word, text[:200])
    return Signals(automatic=_automatic(found), rights_managed=_rights_managed(found))


def _automatic(found: dict[str, str]) -> str:
    if "report-type" in found.get("content-type", "").lower():
        # What a mail server says of a delivery is no reply of anybody, and somebody should see it.
        return ""
    submitted = found.get("auto-submitted", "").lower()
    if submitted.startswith("auto-replied"):
        return f"Auto-Submitted: {found['auto-submitted']}"
    # Out-of-office notes of Exchange call themselves generated, and ask that nobody answers them.
    suppressed = {word.strip() for word in found.get("x-auto-response-suppress", "").lower().split(",")}
    if submitted.startswith("auto-generated") and suppressed & {"all", "oof", "autoreply"} and "x-ms-exchange-inbox-rules-loop" in found:
        return f"X-MS-Exchange-Inbox-Rules-Loop: {found['x-ms-exchange-inbox-rules-loop']}"
    if found.get("precedence", "").lower() in ("auto_reply", "auto-reply"):
        return f"Precedence: {found['precedence']}"
    for field, name in (("x-autoreply", "X-Autoreply"), ("x-autorespond", "X-Autorespond")):
        if found.get(field, "no").lower() not in ("no", "false", ""):
            return f"{name}: {found[field]}"
    return ""


def _rights_managed(found: dict[str, str]) -> str:
    if found.get("content-class", "").lower().startswith("rpmsg.message"):
        return f"Content-Class: {found['content-class']}"
    if "application/x-microsoft-rpmsg-message" in found.get("content-type", "").lower():
        return f"Content-Type: {found['content-type']}"
    return ""
