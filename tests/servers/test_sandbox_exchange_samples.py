"""Microsoft's sample requests, and answers to them, held against the official schema. Both are Microsoft's: EWS_SCHEMA_DIR names them."""

from __future__ import annotations

import os
import re
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
from support.exchange_sandbox import SALES, ExchangeSandbox, exchange_sandbox, official_schema

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


def test_all_codes_are_codes_of_the_schema() -> None:
    """A code that the schema does not know is a typing error."""
    root = Path(reconcile.sandbox.ews.__file__).parent
    used = {code for path in root.rglob("*.py") for code in re.findall(r'EwsError\(\s*"(Error\w+)"', path.read_text())}
    known = (Path(os.environ["EWS_SCHEMA_DIR"]) / "messages.xsd").read_text()
    assert len(used) > 50
    assert [code for code in used if f'value="{code}"' not in known] == []
