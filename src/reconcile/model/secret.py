"""References to secrets, which may be shown, and secrets, which may not."""

from __future__ import annotations

import re
from dataclasses import field

from reconcile.lazy_dataclass import dataclass

_REFERENCE = re.compile(r"(env|file):(.+)", re.DOTALL)
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

#: The same rule as a pattern of the common part of JSON Schema's and Python's regular expressions.
REFERENCE_PATTERN = r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:[^\s/\\][^\s\\]*)$"


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is found: `env:NAME`, or `file:PATH` relative to the secrets directory of the settings."""

    scheme: str
    name: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> SecretRef:
        """Raises ValueError, whose text never repeats the value: it may be a secret written in the wrong place."""
        match = _REFERENCE.fullmatch(text)
        if match is None:
            raise ValueError("a secret is written as a reference: env:NAME or file:PATH")
        scheme, name = match.groups()
        if scheme == "env" and not _ENVIRONMENT_NAME.fullmatch(name):
            raise ValueError("env: is followed by the name of an environment variable (letters, digits, _)")
        if scheme == "file":
            parts = name.split("/")
            if name.startswith("/") or "\\" in name or any(part in ("", ".", "..") for part in parts):
                raise ValueError("file: takes a path relative to the secrets directory, without '..'")
        return cls(scheme, name)


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that must not be shown. `reveal` is called only where a connection opens or a value is sealed."""

    _value: bytes = field(repr=False)

    def reveal(self) -> bytes:
        """The bytes themselves."""
        return self._value

    def text(self) -> str:
        """The value as UTF-8 text. Raises UnicodeDecodeError without repeating it elsewhere."""
        return self._value.decode("utf-8")

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret is not pickled")


def comparable(one: str, other: str) -> bool:
    """Whether two keyed digests were made with one key: their last 8 characters name it. "" (not known) differs from every value."""
    return not one or not other or one[-8:] == other[-8:]
