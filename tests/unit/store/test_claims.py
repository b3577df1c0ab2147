"""One mailbox belongs to one environment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconcile.errors import SettingsError
from reconcile.model.mail_address import mailbox_identity
from reconcile.store.claims import Claims


def test_the_first_holds_it_whatever_the_case(tmp_path: Path) -> None:
    prod, staging = Claims(tmp_path), Claims(tmp_path)
    assert prod.claim("prod", {"Sales@contoso.example"}) == {}
    assert staging.claim("staging", {"sales@contoso.example", "info@contoso.example"}) == {"sales@contoso.example": "prod"}
    assert prod.held_by_others("prod") == {"info@contoso.example": "staging"}


def test_a_domain_and_its_punycode_are_one(tmp_path: Path) -> None:
    prod, staging = Claims(tmp_path), Claims(tmp_path)
    prod.claim("prod", {"info@bücher.example"})
    held = staging.claim("staging", {"info@xn--bcher-kva.example"})
    assert held == {mailbox_identity("info@BÜCHER.example"): "prod"}
    assert staging.take_over("staging", {"info@xn--bcher-kva.example"}) == {"info@xn--bcher-kva.example": "prod"}
    assert prod.held_by_others("prod") == {mailbox_identity("info@bücher.example"): "staging"}


def test_claims_of_an_older_version_still_count(tmp_path: Path) -> None:
    """They were written in lower case only."""
    (tmp_path / "mailbox-claims.json").write_text('{"formatVersion": "1.0", "claims": {"info@bücher.example": "prod"}}', encoding="utf-8")
    assert Claims(tmp_path).claim("staging", {"info@xn--bcher-kva.example"}) == {"info@xn--bcher-kva.example": "prod"}
    assert Claims(tmp_path).claim("prod", {"info@bücher.example"}) == {}


def test_what_is_no_longer_named_is_free(tmp_path: Path) -> None:
    claims = Claims(tmp_path)
    claims.claim("prod", {"a@contoso.example", "b@contoso.example"})
    claims.claim("prod", {"b@contoso.example"})
    assert claims.claim("staging", {"a@contoso.example", "b@contoso.example"}) == {"b@contoso.example": "prod"}


def test_taken_over_is_taken_over(tmp_path: Path) -> None:
    claims = Claims(tmp_path)
    claims.claim("prod", {"a@contoso.example"})
    assert claims.take_over("staging", {"A@contoso.example"}) == {"a@contoso.example": "prod"}
    assert claims.claim("staging", {"a@contoso.example"}) == {}
    assert claims.claim("prod", {"a@contoso.example"}) == {"a@contoso.example": "staging"}


def test_nothing_is_written_when_nothing_changes(tmp_path: Path) -> None:
    Claims(tmp_path).claim("prod", {"a@contoso.example"})
    before = (tmp_path / "mailbox-claims.json").stat()
    Claims(tmp_path).claim("prod", {"a@contoso.example"})
    assert (tmp_path / "mailbox-claims.json").stat().st_mtime_ns == before.st_mtime_ns


def test_of_many_at_once_each_address_has_one_holder(tmp_path: Path) -> None:
    addresses = [f"m{number}@contoso.example" for number in range(40)]
    names = [f"e{number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: [Claims(tmp_path).claim(name, {*addresses[start:], addresses[0]}) for start in range(3)], names))
    held = {name: {*addresses} - Claims(tmp_path).held_by_others(name).keys() for name in names}
    assert all(sum(address in mine for mine in held.values()) == 1 for address in addresses[2:])


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"claims": 1}', b"\xff\xfe"])
def test_a_damaged_file_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mailbox-claims.json").write_bytes(content)
    with pytest.raises(SettingsError, match="is damaged"):
        Claims(tmp_path).held_by_others("prod")
