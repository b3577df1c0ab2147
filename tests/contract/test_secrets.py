"""What every resolver of secrets must do, held on the real ones and on the twin in memory."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reconcile.errors import SettingsError
from reconcile.model.secret import SecretRef
from reconcile.ports.secrets import SecretResolver
from reconcile.secrets.env import EnvironmentSecrets
from reconcile.secrets.file import FileSecrets
from reconcile.secrets.memory import MemorySecrets
from reconcile.secrets.resolver import Resolver

CANARY = "kanarienvogel-93b1"

Make = Callable[[Path, Mapping[str, str]], tuple[SecretResolver, str]]


def _env(_: Path, values: Mapping[str, str]) -> tuple[SecretResolver, str]:
    return EnvironmentSecrets(values), "env"


def _file(directory: Path, values: Mapping[str, str]) -> tuple[SecretResolver, str]:
    for name, value in values.items():
        path = directory / name
        path.write_bytes(value.encode("utf-8", "surrogateescape"))
        path.chmod(0o600)
    return FileSecrets(directory), "file"


def _memory(_: Path, values: Mapping[str, str]) -> tuple[SecretResolver, str]:
    return MemorySecrets({f"env:{name}": value.encode("utf-8", "surrogateescape") for name, value in values.items()}), "env"


def _any(directory: Path, values: Mapping[str, str]) -> tuple[SecretResolver, str]:
    _file(directory, values)
    return Resolver(directory, {}), "file"


@pytest.fixture(params=[_env, _file, _memory, _any], ids=["env", "file", "memory", "any"])
def make(request: pytest.FixtureRequest) -> Make:
    """Builds a resolver that knows the given values, and says the scheme of its references."""
    built: Make = request.param
    return built


@pytest.mark.parametrize(
    "value",
    ["plain", "0123", "1e3", "true", " blanks kept ", "ümläut ✓", "two\nlines", "tab\there", "\udcff\udcfe"],
    ids=["plain", "digits", "number-like", "boolean-like", "blanks", "unicode", "lines", "tab", "no-utf-8"],
)
def test_a_value_arrives_as_it_is(make: Make, tmp_path: Path, value: str) -> None:
    resolver, scheme = make(tmp_path, {"NAME": value})
    assert resolver.resolve(SecretRef(scheme, "NAME")).reveal() == value.encode("utf-8", "surrogateescape")


def test_each_reference_gets_its_own_value(make: Make, tmp_path: Path) -> None:
    resolver, scheme = make(tmp_path, {"ONE": "first", "TWO": "second"})
    assert [resolver.resolve(SecretRef(scheme, name)).text() for name in ("TWO", "ONE")] == ["second", "first"]


@pytest.mark.parametrize("values", [{}, {"NAME": ""}], ids=["missing", "empty"])
def test_nothing_there_is_named_with_the_next_step(make: Make, tmp_path: Path, values: Mapping[str, str]) -> None:
    resolver, scheme = make(tmp_path, {**values, "OTHER": CANARY})
    with pytest.raises(SettingsError) as caught:
        resolver.resolve(SecretRef(scheme, "NAME"))
    assert f"{scheme}:NAME" in caught.value.message
    assert caught.value.hint


def test_no_value_shows_anywhere(make: Make, tmp_path: Path) -> None:
    resolver, scheme = make(tmp_path, {"NAME": CANARY})
    secret = resolver.resolve(SecretRef(scheme, "NAME"))
    shown = [repr(resolver), str(resolver), repr(secret), str(secret), f"{secret}", f"{secret!r:>20}", repr([secret])]
    try:
        resolver.resolve(SecretRef(scheme, "MISSING"))
    except SettingsError as error:
        # With local variables, as error reporters print them.
        shown += traceback.TracebackException.from_exception(error, capture_locals=True).format()
        shown += [repr(error), error.hint]
    assert len(shown) > 7
    assert [text for text in shown if CANARY in text] == []


@pytest.mark.skipif(os.name != "posix", reason="permissions as on POSIX")
def test_a_refused_file_does_not_show_its_value(tmp_path: Path) -> None:
    resolver, _ = _file(tmp_path, {"NAME": CANARY})
    (tmp_path / "NAME").chmod(0o644)
    with pytest.raises(SettingsError) as caught:
        resolver.resolve(SecretRef("file", "NAME"))
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "file:NAME" in shown
    assert CANARY not in shown
