"""What all connections to one Exchange of the sandbox share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import field
from datetime import datetime

from reconcile.lazy_dataclass import dataclass
from reconcile.sandbox.accounts import PostOffice
from reconcile.sandbox.ews.faults import EwsFaults
from reconcile.sandbox.ews.organization import Organization
from reconcile.sandbox.ews.recorder import Recorder
from reconcile.sandbox.ews.schema import Schema


@dataclass(slots=True)
class Shared:
    """`schemes` are the ways to sign in that a 401 offers. `schema` makes it check each request, and note each answer that breaks it.

    A `lenient` server carries out what breaks the schema, as far as it understands it, and notes it in the recorder.
    """

    post_office: PostOffice
    now: Callable[[], datetime]
    schema: Schema | None = None
    lenient: bool = False
    schemes: tuple[str, ...] = ("Basic", "Bearer")
    faults: EwsFaults = field(default_factory=EwsFaults)
    recorder: Recorder = field(default_factory=Recorder)
    organization: Organization = field(init=False)
    url: str = ""
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.organization = Organization(self.post_office, self.now)
