"""`reconcile serve` in this process, on a free port, and requests to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from reconcile.api.bounded import Bounded
from reconcile.api.server import on_loopback
from reconcile.model.secret import Secret
from reconcile.settings import Settings
from reconcile.wiring.api import api_service

TOKEN = "not-a-secret-0123456789abcdef"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """It as JSON."""
        return json.loads(self.body)


@dataclass(slots=True, kw_only=True)
class Served:
    """A running server."""

    server: Bounded
    port: int

    def __call__(
        self, method: str, path: str, *, body: object = None, headers: Mapping[str, str | None] | None = None, lines: bool = False
    ) -> Reply:
        """One request on a connection of its own. `body` is bytes, or becomes JSON; a header that is None is left out."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent: dict[str, str | None] = {"Authorization": f"Bearer {TOKEN}"}
        if data is not None:
            sent["Content-Type"] = "application/x-ndjson" if lines else "application/json"
        sent |= headers or {}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body=data, headers={name: value for name, value in sent.items() if value is not None})
            answer = connection.getresponse()
            return Reply(status=answer.status, headers=dict(answer.getheaders()), body=answer.read())
        finally:
            connection.close()


@contextmanager
def served(state: Path) -> Iterator[Served]:
    """A server on the environment `test` of a state directory."""
    settings = Settings(state_directory=state, secrets_directory=state, cache_directory=state)
    stopping = threading.Event()
    with api_service(settings, "test", stopping) as service:
        server, place = on_loopback(service, Secret(TOKEN.encode()), address="127.0.0.1", port=0)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield Served(server=server, port=int(place.rpartition(":")[2]))
        finally:
            server.shutdown()
            thread.join()
            server.end()
