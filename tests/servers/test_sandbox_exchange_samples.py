"""Microsoft's sample requests, and answers to them, held against the official schema. Both are Microsoft's: EWS_SCHEMA_DIR names them."""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.request
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import reconcile.sandbox.ews
from reconcile.sandbox.ews.call import Call
from reconcile.sandbox.ews.dispatch import OPERATIONS, answer_to, written
from reconcile.sandbox.ews.names import MESSAGES, SOAP, TYPES
from reconcile.sandbox.ews.organization import Caller
from reconcile.sandbox.ews.reading import read_envelope
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.values import value
from support.exchange_sandbox import PASSWORD, SALES, ExchangeSandbox, exchange_sandbox, official_schema

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("EWS_SCHEMA_DIR"), reason="EWS_SCHEMA_DIR is not set: the schema is Microsoft's"),
]


@pytest.fixture
def sandbox() -> Iterator[ExchangeSandbox]:
    with exchange_sandbox() as found:
        yield found


def samples() -> Iterator[Path]:
    """All sample requests of operations this server knows."""
    folder = Path(os.environ["EWS_SCHEMA_DIR"]) / "examples"
    known = {name.removeprefix("m:") for name in OPERATIONS}
    for path in sorted(folder.glob("*.xml")):
        if path.name.rpartition("-")[0] in known:
            yield path


def test_every_sample_request_is_read_and_answered_within_the_schema(sandbox: ExchangeSandbox) -> None:
    schema = official_schema()
    assert schema is not None
    counted: Counter[str] = Counter()
    for path in samples():
        envelope = read_envelope(path.read_bytes())
        call = Call(
            organization=sandbox.organization,
            faults=sandbox.faults,
            caller=Caller(username=SALES, address=SALES),
            acting_as=SALES,
            header=envelope.header,
            request=envelope.body,
        )
        try:
            answer = written(answer_to(call))
        except EwsError:
            counted["fault"] += 1
            continue
        broken = schema.broken_by(answer)
        assert broken is None, f"{path.name}: {broken}\n{answer.decode()[-800:]}"
        counted["answer"] += 1
    assert counted["answer"] > 80
    assert counted["answer"] > 5 * counted["fault"]


def envelope(body: str) -> bytes:
    return (f'<s:Envelope xmlns:s="{SOAP}" xmlns:t="{TYPES}" xmlns:m="{MESSAGES}"><s:Body>{body}</s:Body></s:Envelope>').encode()


@pytest.mark.parametrize(
    ("body", "violation"),
    [
        ("<m:GetFolder><m:FolderIds/><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape></m:GetFolder>", "FolderIds"),
        (
            "<m:GetFolder><m:FolderShape><t:BaseShape>Everything</t:BaseShape></m:FolderShape><m:FolderIds/></m:GetFolder>",
            "Everything",
        ),
    ],
)
def test_a_request_that_breaks_order_or_enumeration_is_a_schema_violation(body: str, violation: str) -> None:
    with pytest.raises(EwsError, match=violation) as caught:
        read_envelope(envelope(body), official_schema())
    assert caught.value.code == "ErrorSchemaValidation"
    assert [node.local for node in caught.value.details] == ["LineNumber", "LinePosition", "Violation"]


#: What Thunderbird 153 sends to flag a message; its FlagStatus is in the wrong namespace.
FLAGGING = (
    '<UpdateItem xmlns="http://schemas.microsoft.com/exchange/services/2006/messages" MessageDisposition="SaveOnly" '
    'ConflictResolution="AlwaysOverwrite"><ItemChanges><t:ItemChange><t:ItemId Id="{id}"/><t:Updates><t:SetItemField>'
    '<t:FieldURI FieldURI="item:Flag"/><t:Message><t:Flag><FlagStatus>Flagged</FlagStatus></t:Flag></t:Message></t:SetItemField>'
    '<t:SetItemField><t:ExtendedFieldURI PropertyTag="4240" PropertyType="Integer"/><t:Message><t:ExtendedProperty>'
    '<t:ExtendedFieldURI PropertyTag="4240" PropertyType="Integer"/><t:Value>2</t:Value></t:ExtendedProperty></t:Message>'
    "</t:SetItemField></t:Updates></t:ItemChange></ItemChanges></UpdateItem>"
)


@pytest.mark.parametrize(("lenient", "status", "flagged"), [(False, 500, "NotFlagged"), (True, 200, "Flagged")])
def test_a_lenient_server_carries_out_what_breaks_the_schema_and_notes_it(lenient: bool, status: int, flagged: str) -> None:
    with exchange_sandbox(lenient=lenient) as sandbox:
        sandbox.letters(1)
        mailbox = sandbox.mailbox()
        (item,) = mailbox.items.values()
        headers = {"Authorization": "Basic " + b64encode(f"{SALES}:{PASSWORD}".encode()).decode()}
        request = urllib.request.Request(sandbox.url, envelope(FLAGGING.format(id=mailbox.item_id(item))), headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                answered = answer.status
        except urllib.error.HTTPError as error:
            answered = error.code
        assert answered == status
        found = value(mailbox, item, "Flag")
        assert found is not None
        assert found.text_at("t:FlagStatus") == flagged
        (noted,) = sandbox.recorder.kept
        assert ("FlagStatus" in noted.request_broken) is lenient


def test_all_codes_are_codes_of_the_schema() -> None:
    """A code that the schema does not know is a typing error."""
    root = Path(reconcile.sandbox.ews.__file__).parent
    used = {code for path in root.rglob("*.py") for code in re.findall(r'EwsError\(\s*"(Error\w+)"', path.read_text())}
    known = (Path(os.environ["EWS_SCHEMA_DIR"]) / "messages.xsd").read_text()
    assert len(used) > 50
    assert [code for code in used if f'value="{code}"' not in known] == []
