"""The wire format of protobuf: just enough to read the fields of a message by their numbers. Pure.

Source: Protocol Buffers documentation, "Encoding". The protobuf package costs 43 ms to import.
"""

from __future__ import annotations

from typing import TypeAlias

#: (number of the field, integer or octets), in order.
Fields: TypeAlias = list[tuple[int, "int | bytes"]]


def fields_of(data: bytes) -> Fields:
    """The fields of a message. Raises ValueError or IndexError where it is none."""
    fields: Fields = []
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        match tag & 7:
            case 0:
                value, place = _varint(data, place)
                fields.append((tag >> 3, value))
            case 2:
                length, place = _varint(data, place)
                fields.append((tag >> 3, data[place : place + length]))
                place += length
            case 1:
                place += 8
            case 5:
                place += 4
            case _:
                raise ValueError("not a message")
    return fields


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        octet = data[place]
        place += 1
        value |= (octet & 127) << shift
        if octet < 128:
            return value, place
        shift += 7


def messages_of(fields: Fields, number: int) -> list[bytes]:
    """All messages in the fields of that number."""
    return [value for found, value in fields if found == number and isinstance(value, bytes)]


def message_of(fields: Fields, number: int) -> bytes:
    """The first of them; empty where there is none."""
    return next(iter(messages_of(fields, number)), b"")


def text_of(fields: Fields, number: int) -> str:
    """The same as text."""
    return message_of(fields, number).decode("utf-8", "replace")


def pair_of(entry: int | bytes) -> tuple[int, int]:
    """Key and value of a map of integers; what is zero is not written."""
    numbers = {number: value for number, value in fields_of(entry) if isinstance(value, int)} if isinstance(entry, bytes) else {}
    return numbers.get(1, 0), numbers.get(2, 0)
