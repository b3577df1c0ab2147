"""The accepting side of GSSAPI by the host's own library (RFC 2744, gss_accept_sec_context), with the keytab of KRB5_KTNAME: a server that
really checks a ticket. SPNEGO (RFC 4178) is unpacked by the same library."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_size_t, c_uint32, c_void_p
from typing import Any

_COMPLETE = 0


class _Buffer(ctypes.Structure):
    _fields_ = (("length", c_size_t), ("value", c_void_p))


def _library() -> Any:
    library = ctypes.CDLL("libgssapi_krb5.so.2")
    for function in ("accept_sec_context", "display_name", "release_buffer", "release_name", "delete_sec_context"):
        getattr(library, f"gss_{function}").restype = c_uint32
    return library


def principal_of(token: bytes) -> str | None:
    """Whom a token proves, as NAME@REALM; None where it proves nobody to the keytab's service in one step."""
    library = _library()
    minor, flags = c_uint32(), c_uint32()
    context, name = c_void_p(), c_void_p()
    given = _Buffer(len(token), ctypes.cast(ctypes.c_char_p(token), c_void_p))
    answer, shown = _Buffer(), _Buffer()
    try:
        major = library.gss_accept_sec_context(
            byref(minor), byref(context), None, byref(given), None, byref(name), None, byref(answer), byref(flags), None, None
        )
        if major != _COMPLETE or library.gss_display_name(byref(minor), name, byref(shown), None) != _COMPLETE:
            return None
        return ctypes.string_at(shown.value, shown.length).decode()
    finally:
        for buffer in (answer, shown):
            library.gss_release_buffer(byref(minor), byref(buffer))
        if name:
            library.gss_release_name(byref(minor), byref(name))
        if context:
            library.gss_delete_sec_context(byref(minor), byref(context), None)
