"""`${name}`."""

from __future__ import annotations

import pytest

from reconcile.desired.variables import UnknownVariable, substitute

VARIABLES = {"domain": "contoso.example", "port": 993, "on": True, "empty": "", "dollar": "${port}"}

TABLE: list[tuple[object, object]] = [
    ("plain", "plain"),
    ("${port}", 993),
    ("${on}", True),
    ("${empty}", ""),
    ("imap.${domain}", "imap.contoso.example"),
    ("${domain}:${port}", "contoso.example:993"),
    ("is ${on}", "is true"),
    ("$${port}", "${port}"),
    ("a $${b} ${port}", "a ${b} 993"),
    ("$$", "$$"),
    ("$port", "$port"),
    ("${dollar}", "${port}"),
    ("x${dollar}", "x${port}"),
    ({"a": ["${port}", {"b": "${on}"}]}, {"a": [993, {"b": True}]}),
    ({"${port}": 1}, {"${port}": 1}),
    (12, 12),
    (None, None),
]


@pytest.mark.parametrize(("written", "meant"), TABLE)
def test_substitution(written: object, meant: object) -> None:
    value, unknown = substitute(written, VARIABLES)  # type: ignore[arg-type]
    assert (type(value), value) == (type(meant), meant)
    assert unknown == []


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("${nope}", ["nope"]),
        ("a ${nope} ${port} ${neither}", ["nope", "neither"]),
        ("${", [""]),
        ("${}", [""]),
        ("${a${port}", [""]),
        ("${ port }", [" port "]),
    ],
)
def test_unknown_variables_are_left_as_written(written: str, names: list[str]) -> None:
    value, unknown = substitute({"k": [written]}, VARIABLES)
    assert value == {"k": [written]}
    assert unknown == [UnknownVariable(("k", 0), name) for name in names]
