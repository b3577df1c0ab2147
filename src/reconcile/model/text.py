"""The kinds of text a field can hold: names, addresses, domains, servers, references to secrets, dates, durations.

Patterns keep to what JSON Schema, Python and Rust read alike: no look-around, and only ASCII shorthand that all three share.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BeforeValidator, StringConstraints, ValidationInfo, WithJsonSchema

from reconcile.model import duration, instant
from reconcile.model.key import SLUG_PATTERN
from reconcile.model.secret import REFERENCE_PATTERN, SecretRef

ONE_LINE_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]*$"
SEVERAL_LINES_PATTERN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
NO_SPACE_PATTERN = r"^[^\x00-\x20\x7f-\xa0]+$"
# Each character can be matched in one way only, so a long text costs linear time in engines that backtrack.
_LABEL = r"[A-Za-z0-9\u00a1-\uffff]+([_-]+[A-Za-z0-9\u00a1-\uffff]+)*"
DOMAIN_PATTERN = rf"^{_LABEL}(\.{_LABEL})*$"
_LOCAL = r'[^\x00-\x20\x7f-\xa0@"(),:;<>\[\]\\]+'
#: `recent:` is how Gmail is told over POP3 to hand out the last 30 days to every client.
ADDRESS_PATTERN = rf"^(recent:)?{_LOCAL}@{_LABEL}(\.{_LABEL})*$"
RECIPIENT_PATTERN = rf"^(\*|{_LOCAL}@{_LABEL}(\.{_LABEL})*|@{_LABEL}(\.{_LABEL})*)$"
UUID_PATTERN = r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"
EXTENSION_PATTERN = r"^\.?[^\x00-\x20\x7f-\xa0.;/\\]+$"
MIME_TYPE_PATTERN = r"^[A-Za-z0-9!#$&^_.+-]+/(\*|[A-Za-z0-9!#$&^_.+-]+)$"
HOST_PATTERN = rf"^\.?{_LABEL}(\.{_LABEL})+$"
NETWORK_PATTERN = r"^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$"
PATH_PATTERN = r"^[^\x00-\x1f\x7f-\x9f/\\][^\x00-\x1f\x7f-\x9f\\]*$"


def _lower_domain(address: str) -> str:
    # RFC 5321, section 2.4: the local part may be case-sensitive, the domain is not.
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domain.lower()}"


def _sorted_set(items: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(items)))


def _within_root(path: str) -> str:
    if any(part in ("", "..") for part in path.rstrip("/").split("/")):
        raise ValueError("a folder is a path relative to the root of the estate, without '..' and empty parts")
    return path.rstrip("/")


def _zone_name(name: str) -> str:
    instant.zone(name)
    return name


def _network(text: str) -> str:
    return str(ip_network(text))


def _instant(value: object, info: ValidationInfo) -> object:
    if isinstance(value, str):
        return instant.parse(value, (info.context or {}).get("time_zone", "UTC"))
    raise ValueError("expected a date in quotes or bare, such as 2026-03-01T08:00:00+01:00")


def _duration(value: object) -> object:
    if isinstance(value, str):
        return duration.parse(value)
    raise ValueError("a duration needs a unit: 5m, 1h30m, 90s or 1500ms")


def _reference(value: object) -> object:
    if isinstance(value, str):
        return SecretRef.parse(value)
    raise ValueError("a secret is written as a reference: env:NAME or file:PATH")


def span(least: str, most: str, *, whole: str) -> Callable[[timedelta], timedelta]:
    """A check that a duration lies between `least` and `most` and is a multiple of `whole` (the product's unit)."""
    low, high, step = duration.parse(least), duration.parse(most), duration.parse(whole)

    def check(value: timedelta) -> timedelta:
        if not low <= value <= high:
            raise ValueError(f"{duration.text(value)} is outside {least} to {most}")
        if value % step:
            raise ValueError(f"{duration.text(value)} is no multiple of {whole}, the unit the product stores")
        return value

    return check


Slug: TypeAlias = Annotated[str, StringConstraints(pattern=SLUG_PATTERN)]
Line: TypeAlias = Annotated[str, StringConstraints(pattern=ONE_LINE_PATTERN, min_length=1)]
Paragraphs: TypeAlias = Annotated[str, StringConstraints(pattern=SEVERAL_LINES_PATTERN, max_length=2000)]
Location: TypeAlias = Annotated[str, StringConstraints(pattern=NO_SPACE_PATTERN, max_length=2084)]
Uuid: TypeAlias = Annotated[str, StringConstraints(pattern=UUID_PATTERN), AfterValidator(str.lower)]
Domain: TypeAlias = Annotated[str, StringConstraints(pattern=DOMAIN_PATTERN, max_length=253), AfterValidator(str.lower)]
#: A host name; `.name` for all below it.
Host: TypeAlias = Annotated[str, StringConstraints(pattern=HOST_PATTERN, max_length=253), AfterValidator(str.lower)]
Network: TypeAlias = Annotated[str, StringConstraints(pattern=NETWORK_PATTERN, max_length=64), AfterValidator(_network)]
Address: TypeAlias = Annotated[str, StringConstraints(pattern=ADDRESS_PATTERN, max_length=100), AfterValidator(_lower_domain)]
Recipient: TypeAlias = Annotated[str, StringConstraints(pattern=RECIPIENT_PATTERN, max_length=320), AfterValidator(_lower_domain)]
Extension: TypeAlias = Annotated[
    str, StringConstraints(pattern=EXTENSION_PATTERN, max_length=64), AfterValidator(lambda name: name.lstrip(".").lower())
]
MimeType: TypeAlias = Annotated[str, StringConstraints(pattern=MIME_TYPE_PATTERN, max_length=255), AfterValidator(str.lower)]
Folder: TypeAlias = Annotated[str, StringConstraints(pattern=PATH_PATTERN, max_length=1024), AfterValidator(_within_root)]
TimeZone: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_zone_name)]
SetOf = AfterValidator(_sorted_set)

Instant: TypeAlias = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "pattern": instant.INSTANT_PATTERN}),
]
Duration: TypeAlias = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": duration.DURATION_PATTERN}),
]
Reference: TypeAlias = Annotated[
    SecretRef,
    BeforeValidator(_reference),
    WithJsonSchema({"type": "string", "pattern": REFERENCE_PATTERN}),
]
