"""The few calls of the host's GSSAPI library that signing in needs (RFC 2744), by ctypes: no package has to be built for it, and the
library is the one that kinit and krb5.conf of the host belong to."""

from __future__ import annotations

import ctypes
import ctypes.util
from ctypes import POINTER, byref, c_int, c_size_t, c_uint32, c_void_p
from dataclasses import field
from functools import lru_cache
from typing import Any, Final

from reconcile.lazy_dataclass import dataclass

_COMPLETE: Final = 0
_CONTINUE: Final = 1
_MUTUAL, _SEQUENCE, _INTEGRITY = 2, 8, 32
_GSS_CODE, _MECHANISM_CODE = 1, 2
#: KRB5_KDC_UNREACH, KRB5_REALM_CANT_RESOLVE of MIT Kerberos (krb5_err.et), as unsigned numbers.
_UNREACHABLE: Final = {(-1765328228) & 0xFFFFFFFF, (-1765328164) & 0xFFFFFFFF}


class GssError(Exception):
    """`unreachable`: no key distribution centre answered."""

    def __init__(self, text: str, *, unreachable: bool = False) -> None:
        super().__init__(text)
        self.unreachable = unreachable


class _Buffer(ctypes.Structure):
    _fields_ = (("length", c_size_t), ("value", c_void_p))


class _Oid(ctypes.Structure):
    _fields_ = (("length", c_uint32), ("elements", c_void_p))


def _oid(octets: bytes) -> _Oid:
    # The octets live as long as the module: these are constants of it.
    return _Oid(len(octets), ctypes.cast(ctypes.c_char_p(octets), c_void_p))


_KERBEROS_OCTETS: Final = bytes.fromhex("2a864886f712010202")  # 1.2.840.113554.1.2.2
_SERVICE_OCTETS: Final = bytes.fromhex("2a864886f71201020104")  # GSS_C_NT_HOSTBASED_SERVICE


@lru_cache(maxsize=1)
def _library() -> Any:
    """Raises GssError where the host has none."""
    for name in ("libgssapi_krb5.so.2", "libgssapi.so.3", ctypes.util.find_library("gssapi_krb5"), ctypes.util.find_library("GSS")):
        if name is None:
            continue
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        for function in ("import_name", "init_sec_context", "wrap", "unwrap", "release_buffer", "release_name", "delete_sec_context"):
            getattr(library, f"gss_{function}").restype = c_uint32
        return library
    raise GssError("this host has no GSSAPI library")


@dataclass(slots=True)
class Context:
    """A security context towards `service`@`host`, with the tickets of this host. One thread only."""

    service: str
    host: str
    complete: bool = field(default=False, init=False)
    _handle: c_void_p = field(default_factory=c_void_p, init=False, repr=False)
    _name: c_void_p = field(default_factory=c_void_p, init=False, repr=False)

    def step(self, token: bytes) -> bytes:
        """What to send; b"" when nothing is left to send. Raises GssError."""
        library = _library()
        minor, flags = c_uint32(), c_uint32()
        if not self._name:
            text = f"{self.service}@{self.host}".encode()
            wanted = _Buffer(len(text), ctypes.cast(ctypes.c_char_p(text), c_void_p))
            self._check(library.gss_import_name(byref(minor), byref(wanted), byref(_oid(_SERVICE_OCTETS)), byref(self._name)), minor)
        given = _Buffer(len(token), ctypes.cast(ctypes.c_char_p(token), c_void_p))
        out = _Buffer()
        major = library.gss_init_sec_context(
            byref(minor),
            None,
            byref(self._handle),
            self._name,
            byref(_oid(_KERBEROS_OCTETS)),
            c_uint32(_MUTUAL | _SEQUENCE | _INTEGRITY),
            c_uint32(0),
            None,
            byref(given) if token else None,
            None,
            byref(out),
            byref(flags),
            None,
        )
        answer = _taken(library, out)
        if major not in (_COMPLETE, _CONTINUE):
            self._check(major, minor)
        self.complete = major == _COMPLETE
        if self.complete and flags.value & (_MUTUAL | _INTEGRITY) != _MUTUAL | _INTEGRITY:
            raise GssError("the server did not prove itself")
        return answer

    def unwrap(self, message: bytes) -> bytes:
        """Raises GssError when it was changed on the way."""
        library, minor, out = _library(), c_uint32(), _Buffer()
        given = _Buffer(len(message), ctypes.cast(ctypes.c_char_p(message), c_void_p))
        self._check(library.gss_unwrap(byref(minor), self._handle, byref(given), byref(out), None, None), minor)
        return _taken(library, out)

    def wrap(self, message: bytes) -> bytes:
        """With a check that the other side can verify, not hidden."""
        library, minor, out = _library(), c_uint32(), _Buffer()
        given = _Buffer(len(message), ctypes.cast(ctypes.c_char_p(message), c_void_p))
        major = library.gss_wrap(byref(minor), self._handle, c_int(0), c_uint32(0), byref(given), None, byref(out))
        self._check(major, minor)
        return _taken(library, out)

    def __del__(self) -> None:
        if self._name or self._handle:
            library, minor = _library(), c_uint32()
            if self._handle:
                library.gss_delete_sec_context(byref(minor), byref(self._handle), None)
            if self._name:
                library.gss_release_name(byref(minor), byref(self._name))

    def _check(self, major: int, minor: c_uint32) -> None:
        if major != _COMPLETE:
            words = [_words(major, _GSS_CODE), _words(minor.value, _MECHANISM_CODE)]
            raise GssError("; ".join(word for word in words if word), unreachable=minor.value in _UNREACHABLE)


def _taken(library: Any, buffer: _Buffer) -> bytes:
    octets = ctypes.string_at(buffer.value, buffer.length) if buffer.value and buffer.length else b""
    library.gss_release_buffer(byref(c_uint32()), byref(buffer))
    return octets


def _words(code: int, kind: int) -> str:
    """The library's own text of a status."""
    library, minor, more, out = _library(), c_uint32(), c_uint32(), _Buffer()
    display = library.gss_display_status
    display.restype = c_uint32
    display.argtypes = (POINTER(c_uint32), c_uint32, c_int, c_void_p, POINTER(c_uint32), POINTER(_Buffer))
    if display(byref(minor), code, kind, None, byref(more), byref(out)) != _COMPLETE:
        return ""
    text = _taken(library, out).decode("utf-8", "replace")
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())[:200]
