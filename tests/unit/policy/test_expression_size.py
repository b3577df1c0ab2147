"""How large an expression can become: an upper bound that is never below what it makes."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reconcile.policy import cel
from reconcile.policy.expression_size import MOST, VALUE
from reconcile.policy.variables import vocabulary

_OVER = vocabulary("Mailbox")
_NAME = "a" * VALUE


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("'aaaaaaaaaa'" + ".replace('a', 'aaaaaaaaaa')" * 8 + " != ''", 156),
        ("mailbox.name.replace('', mailbox.name) != ''", 21),
        ("true || mailbox.name.replace('a', mailbox.displayName) != ''", 29),
        ("['aaaaaaaaaa']" + ".map(x, x + x)" * 20 + " == []", 0),
        ("[[1]]" + ".map(x, x + x)" * 24 + " == []", 0),
        ("[b'aaaaaaaaaa']" + ".map(x, x + x)" * 22 + " == []", 0),
        ("['a']" + ".map(x, '%s%s%s%s%s%s%s%s'.format([x, x, x, x, x, x, x, x]))" * 9 + ".all(x, x == '')", 0),
        ("mailbox.name.split('').map(x, mailbox.name).join('') == ''", 27),
        ("{'a': mailbox.name}.a.split('').map(x, mailbox.name).join('') == ''", 36),
    ],
)  # fmt: skip
def test_what_may_take_all_memory_is_refused(text: str, column: int) -> None:
    """A rule of ninety characters took two gigabytes."""
    found = cel.check(text, _OVER, boolean=True)
    assert isinstance(found, list)
    assert (found[0].message, found[0].line) == ("this may become too large", 1)
    assert "10 million" in found[0].hint
    if column:
        assert found[0].column == column


@pytest.mark.parametrize(
    "text",
    [
        "mailbox.name.replace(' ', '-').replace('.', '--').lowerAscii() == mailbox.displayName",
        "mailbox.name.split('').all(x, x != '@')",
        "mailbox.facts.groups.map(x, x.lowerAscii()).join(', ') != ''",
        "counts.lookalikes.map(x, '<' + x + '>').join(', ') != mailbox.name + mailbox.displayName",
        "'%s is %s'.format([mailbox.name, mailbox.displayName]) != ''",
    ],
)
def test_what_people_write_is_taken(text: str) -> None:
    assert isinstance(cel.check(text, _OVER, boolean=True), cel.Program)


_TEXTS = st.recursive(
    st.sampled_from(["mailbox.name", "'ab'", "''", "'a'"]),
    lambda inner: st.one_of(
        st.builds("({}).replace({}, {})".format, inner, st.sampled_from(["'a'", "''", "'ab'"]), inner),
        st.builds("({} + {})".format, inner, inner),
        st.builds("[{0}, {1}].map(x, x + {0}).join({1})".format, inner, inner),
        st.builds("({}).split('').map(y, y + {}).join('')".format, inner, inner),
        st.builds("'%s-%s'.format([{}, {}])".format, inner, inner),
        st.builds("(mailbox.name == '' ? {} : {})".format, inner, inner),
        st.builds("strings.quote({})".format, inner),
    ),
    max_leaves=8,
)


@given(text=_TEXTS, length=st.sampled_from([0, 1, 60, VALUE]))
def test_nothing_that_is_taken_makes_more(text: str, length: int) -> None:
    found = cel.check(text, _OVER, boolean=False)
    assume(isinstance(found, cel.Program))
    assert isinstance(found, cel.Program)
    made = cel.load(found.code)({"mailbox.name": _NAME[:length]})
    assert isinstance(made, cel.Failed) or (isinstance(made, str) and len(made) <= MOST)
