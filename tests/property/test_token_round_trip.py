"""A token that was laid into any subject under any settings is found in it, under later settings too; reading never raises."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from reconcile.model.conversation_index import parse_conversation_index
from reconcile.model.tracking_token import TokenFormat, comparable_token, token, tokens_in, with_token, without_tokens
from reconcile.sync.decide.correlation import question
from reconcile.sync.decide.correlation_rules import CorrelationRules, SmartMatching
from reconcile.sync.decide.header import scan

_PREFIX = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp", "Nd", "M"]), min_size=1, max_size=20).filter(
    lambda text: text == text.strip() and bool(text.strip(string.digits))
)
_FORMS = st.builds(
    TokenFormat,
    prefix=_PREFIX,
    former=st.lists(_PREFIX, max_size=3).map(tuple),
    base_number=st.integers(0, 2**31 - 1),
    user_digits=st.integers(1, 10),
    message_digits=st.integers(1, 9),
    maximum_number=st.integers(0, 2**31 - 1),
    maximum_subject_length=st.integers(255, 400),
)
_SUBJECTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=600)


@given(form=_FORMS, later=_FORMS, ordinal=st.integers(1, 10**6), count=st.integers(0, 10**10), subject=_SUBJECTS)
def test_a_token_is_found_again(form: TokenFormat, later: TokenFormat, ordinal: int, count: int, subject: str) -> None:
    made = token(form, ordinal=ordinal, count=count)
    line = with_token(subject, made, form)
    assert len(line.encode("utf-16-le", "surrogatepass")) // 2 <= form.maximum_subject_length
    assert line.endswith(made)
    assert comparable_token(made) in tokens_in(f"RE: {line}", form.prefixes)
    changed = TokenFormat(prefix=later.prefix, former=(form.prefix, *later.former), user_digits=later.user_digits)
    assert comparable_token(made) in tokens_in(f"RE: {line}", changed.prefixes)
    # Done twice, it still stands there once.
    assert with_token(line, made, form).count(made) >= 1
    assert len(with_token(line, made, form)) <= max(len(line), len(made))


@given(st.text(), st.lists(_PREFIX, max_size=3).map(tuple))
def test_reading_a_subject_never_raises(subject: str, prefixes: tuple[str, ...]) -> None:
    found = tokens_in(subject, prefixes)
    assert len(set(found)) == len(found)
    if prefixes:
        without_tokens(subject, TokenFormat(prefix=prefixes[0], former=prefixes[1:]))
    parse_conversation_index(subject)


@given(st.binary(max_size=600))
def test_asking_about_any_header_never_raises(noise: bytes) -> None:
    rules = CorrelationRules(references=True, token=TokenFormat(), smart=SmartMatching(), forwards_are_replies=False)
    header = scan(b"Thread-Index: " + noise + b"\r\nFrom: " + noise + b"\r\nReferences: " + noise + b"\r\nSubject: " + noise + b"\r\n\r\n")
    assert question(header, rules) == question(header, rules)
