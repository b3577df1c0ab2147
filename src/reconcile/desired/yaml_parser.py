"""libyaml's event parser, as ruamel.yaml's C extension carries it, and nothing else of ruamel.

Without the extension ruamel.yaml would fall back to its Python parser, twenty times slower and with other limits, without
saying so. Here a missing extension is an error with the next step.
"""

from __future__ import annotations

from reconcile.errors import SettingsError

try:
    from _ruamel_yaml import CParser
except ImportError as missing:
    raise SettingsError(
        "the C part of ruamel.yaml cannot be loaded",
        hint="install the package ruamel.yaml.clib for this Python, for example with: python -m pip install ruamel.yaml.clib",
    ) from missing

from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

__all__ = [
    "AliasEvent",
    "CParser",
    "DocumentStartEvent",
    "MappingEndEvent",
    "MappingStartEvent",
    "ScalarEvent",
    "SequenceEndEvent",
    "SequenceStartEvent",
    "StreamEndEvent",
    "YAMLError",
]
