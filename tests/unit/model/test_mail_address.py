"""Addresses and the allow-list."""

from __future__ import annotations

import string

import pytest

from reconcile.model.mail_address import (
    ascii_domain,
    comparable,
    is_allowed,
    mailbox_identity,
    parse_address,
    readable,
    same_address,
    same_mailbox,
)


@pytest.mark.parametrize(
    ("text", "address", "name"),
    [
        ("a@contoso.example", "a@contoso.example", ""),
        (" a.b+c@contoso.example ", "a.b+c@contoso.example", ""),
        ("Vertrieb Süd <desk@contoso.example>", "desk@contoso.example", "Vertrieb Süd"),
        ('"Müller, \\"Anna\\"" <desk@contoso.example>', "desk@contoso.example", 'Müller, "Anna"'),
        ("<a@contoso.example>", "a@contoso.example", ""),
        ("jörg@bücher.example", "jörg@bücher.example", ""),
    ],
)
def test_taken(text: str, address: str, name: str) -> None:
    parsed = parse_address(text)
    assert (parsed.address, parsed.name) == (address, name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "@contoso.example",
        "a@",
        "a b@contoso.example",
        "a@b@contoso.example",
        "a..b@contoso.example",
        ".a@contoso.example",
        "a@contoso..example",
        "a@-contoso.example",
        "a@[127.0.0.1]",
        '"a b"@contoso.example',
        "a@contoso.example>, <b@elsewhere.example",
        "a@contoso.example, b@elsewhere.example",
        "Eve <a@contoso.example> <b@contoso.example>",
        "a@contoso.example\r\nRCPT TO:<b@elsewhere.example>",
        "a@contoso.example\n",
        "a\0@contoso.example",
        "a\u2028@contoso.example",
        "a\ud800@contoso.example",
        "a%elsewhere.example@contoso.example",
        "elsewhere.example!a@contoso.example",
        "x" * 65 + "@contoso.example",
        "a@" + "x" * 64 + ".example",
        "a@" + "x." * 127 + "example",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_address(text)


@pytest.mark.parametrize(
    ("address", "allowed", "expected"),
    [
        ("a@contoso.example", (), False),
        ("a@contoso.example", ("*",), True),
        ("a@contoso.example", ("a@contoso.example",), True),
        ("A@Contoso.Example", ("a@contoso.example",), True),
        ("b@contoso.example", ("a@contoso.example",), False),
        ("a@contoso.example", ("@contoso.example",), True),
        ("a@CONTOSO.example", ("@contoso.example",), True),
        ("a@sub.contoso.example", ("@contoso.example",), False),
        ("a@evilcontoso.example", ("@contoso.example",), False),
        ("a@contoso.example.evil.example", ("@contoso.example",), False),
        ("a@conto\u017fo.example", ("@contoso.example",), False),  # long s, which casefold makes an s
        ("\u212a@contoso.example", ("k@contoso.example",), False),  # Kelvin sign
        ("a@contoso.example", ("contoso.example",), False),
        ("a@contoso.example", ("@",), False),
    ],
)
def test_allow_list(address: str, allowed: tuple[str, ...], expected: bool) -> None:
    assert is_allowed(address, allowed) is expected


def test_only_the_case_of_ascii_letters_is_forgotten() -> None:
    assert same_address("A@B.example", "a@b.example")
    assert not same_address("Ä@b.example", "ä@b.example")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("A@Contoso.EXAMPLE", "a@contoso.example"),
        ("info@bücher.example", "INFO@xn--bcher-kva.example"),
        ("info@BÜCHER.example", "info@xn--bcher-kva.example"),
        # The same letter written in two code points (NFC), in domain and local part.
        ("info@bu\u0308cher.example", "info@xn--bcher-kva.example"),
        ("jo\u0308rg@contoso.example", "jörg@contoso.example"),
        ("a@例え。テスト", "a@xn--r8jz45g.xn--zckzah"),
        ("a@sub.bücher.example", "a@SUB.xn--bcher-kva.EXAMPLE"),
        # A capital sigma at the end of a word is no final one (UTS #46).
        ("a@ΝΟΜΟΣ.example", "a@νομοσ.example"),
    ],
)
def test_one_address_in_two_spellings(left: str, right: str) -> None:
    assert comparable(left) == comparable(right)
    assert same_address(left, right)
    assert same_mailbox(left, right)
    assert ascii_domain(left.rpartition("@")[2]) == ascii_domain(right.rpartition("@")[2])
    assert readable(left) == readable(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("a+b@contoso.example", "a@contoso.example"),
        ("a.b@contoso.example", "ab@contoso.example"),
        # Letters that only look like others, or become ASCII when they are lowered or composed.
        ("a@\u212aontoso.example", "a@kontoso.example"),
        ("\u212a@contoso.example", "k@contoso.example"),
        ("a@\u0441ontoso.example", "a@contoso.example"),
        ("a@straße.example", "a@strasse.example"),
    ],
)
def test_two_addresses(left: str, right: str) -> None:
    assert comparable(left) != comparable(right)
    assert not same_address(left, right)
    assert readable(left) != readable(right)


@pytest.mark.parametrize(
    ("address", "identity"),
    [
        ("Info@Contoso.Example", "info@contoso.example"),
        ("GRÖSSE@Bücher.example", "grösse@xn--bcher-kva.example"),
        ("größe@xn--bcher-kva.example", "grösse@xn--bcher-kva.example"),
        ("recent:info@bücher.example", "recent:info@xn--bcher-kva.example"),
        ("a@\u212aontoso.example", "a@\u212aontoso.example"),
        ("no address", "no address"),
    ],
)
def test_by_what_a_mailbox_is_recognised(address: str, identity: str) -> None:
    assert mailbox_identity(address) == identity


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("Info@XN--bcher-kva.example", "info@bücher.example"),
        ("info@Bücher.example", "info@bücher.example"),
        # None of these is what encoding a domain gives: they stay as they are.
        ("a@xn--.example", "a@xn--.example"),
        ("a@xn--contoso-.example", "a@xn--contoso-.example"),
        ("a@xn--99999999999999.example", "a@xn--99999999999999.example"),
        ("xn--bcher-kva@contoso.example", "xn--bcher-kva@contoso.example"),
        ("xn--bcher-kva.example", "bücher.example"),
    ],
)
def test_as_people_read_it(address: str, shown: str) -> None:
    assert readable(address) == shown


def test_an_allow_list_knows_one_spelling_only() -> None:
    """A server that reads ß as ss would carry the mail on to another domain than was allowed."""
    assert not is_allowed("a@straße.example", ["@xn--strae-oqa.example"])
    assert is_allowed("a@xn--strae-oqa.example", ["@xn--strae-oqa.example"])


@pytest.mark.parametrize("text", ["", "@", "nobody", "a@", "\ud800@\ud800.example", "a@" + "ü" * 70, "ü@ü@ü"])
def test_text_that_is_no_address_is_comparable(text: str) -> None:
    assert comparable(text) == comparable(text.upper() if text.isascii() else text)


def test_each_character_before_and_behind_the_at() -> None:
    letters = string.ascii_letters + string.digits
    # RFC 5322, 3.2.3, without % and !; RFC 5890 for labels. What is no ASCII is taken.
    for number in (*range(0x21, 0x80), 0xE9, 0x4E2D, 0x1F600):
        character = chr(number)
        assert _taken(f"a{character}b@c.example") == (character in f"{letters}#$&'*+-/=?^_`{{|}}~." or number > 0x7F), character
        assert _taken(f"a@b{character}c.example") == (character in f"{letters}-." or number > 0x7F), character
        assert _taken(f"a@b{character}.example") == (character in letters or number > 0x7F), character


def _taken(text: str) -> bool:
    try:
        return parse_address(text).address == text
    except ValueError:
        return False


def test_what_is_too_long_for_a_label_is_not_taken_apart() -> None:
    """Punycode takes time by the square: a minute for a label of 16,000 letters, which anybody may put into a mail."""
    longest = "".join(chr(0x4E00 + number * 7919 % 20000) for number in range(64))
    assert comparable(f"A@{longest}.Example") == f"a@{longest}.example"
    assert comparable(f"a@{longest * 1000}.example") == f"a@{longest * 1000}.example"
    encoded = f"a@xn--{'a9z8' * 30}.example"
    assert readable(encoded) == encoded
