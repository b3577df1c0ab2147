"""Replies by machines and rights-managed mail, by their headers."""

from __future__ import annotations

import pytest

from reconcile.sync.decide.signals import signals


@pytest.mark.parametrize(
    ("header", "automatic"),
    [
        (b"Auto-Submitted: auto-replied\r\n", True),
        (b"auto-submitted:\tAuto-Replied; owner-email=x\r\n", True),
        (b"Auto-Submitted: no\r\n", False),
        (b"Auto-Submitted: auto-generated\r\n", False),
        (b"Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\nX-MS-Exchange-Inbox-Rules-Loop: a@contoso.example\r\n", True),
        (b"X-Auto-Response-Suppress: All\r\n", False),
        (b"Precedence: auto_reply\r\n", True),
        (b"Precedence: bulk\r\n", False),
        (b"X-Autoreply: yes\r\n", True),
        (b"X-Autoreply: no\r\n", False),
        # A report on a delivery is nobody's reply.
        (b"Auto-Submitted: auto-replied\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\r\n", False),
        (b"Subject: Auto-Submitted: auto-replied\r\n", False),
        (b"", False),
        (b"\xff\x00: \x80\r\nAuto-Submitted: \xffauto-replied\r\n", False),
    ],
)
def test_replies_by_machines(header: bytes, automatic: bool) -> None:
    assert bool(signals(header + b"\r\n").automatic) is automatic


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (b"Content-Class: rpmsg.message\r\n", True),
        (b"Content-Type: application/x-microsoft-rpmsg-message; name=message.rpmsg\r\n", True),
        (b"Content-Class: urn:content-classes:message\r\n", False),
    ],
)
def test_rights_managed_mail(header: bytes, found: bool) -> None:
    assert bool(signals(header + b"\r\n").rights_managed) is found
