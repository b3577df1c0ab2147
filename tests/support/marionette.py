"""Marionette, the remote control of Mozilla's programs: JSON messages with their length in front, over TCP on loopback.

Protocol 3: `[0, id, command, parameters]` is answered by `[1, id, error or null, result]`.
"""

from __future__ import annotations

import json
import socket
from typing import Any, Final

_SCRIPT_SECONDS: Final = 30


class Marionette:
    """One session. Raises OSError when the program is not there, or says nothing for longer than a script may take."""

    def __init__(self, port: int) -> None:
        self._channel = socket.create_connection(("127.0.0.1", port), _SCRIPT_SECONDS * 2)
        self._taken = b""
        self._asked = 0
        hello = self._read()
        assert hello["marionetteProtocol"] == 3, hello
        self._ask("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {"timeouts": {"script": _SCRIPT_SECONDS * 1000}}}})
        self._ask("Marionette:SetContext", {"value": "chrome"})

    def run(self, body: str, *arguments: Any) -> Any:
        """What the body of an async function returns; it has `...arguments`. Raises AssertionError with what went wrong in there."""
        script = f"return (async (...given) => {{\n{body}\n}})(...arguments)"
        return self._ask("WebDriver:ExecuteScript", {"script": script, "args": arguments, "sandbox": "system"})["value"]

    def close(self) -> None:
        """Leave the program running."""
        self._channel.close()

    def _ask(self, command: str, parameters: dict[str, Any]) -> Any:
        self._asked += 1
        message = json.dumps([0, self._asked, command, parameters]).encode()
        self._channel.sendall(b"%d:%b" % (len(message), message))
        _, answered, error, result = self._read()
        assert answered == self._asked
        if error is not None:
            raise AssertionError(f"{error['error']}: {error['message']}\n{error['stacktrace']}")
        return result

    def _read(self) -> Any:
        while b":" not in self._taken:
            self._more()
        length, _, self._taken = self._taken.partition(b":")
        while len(self._taken) < int(length):
            self._more()
        message, self._taken = self._taken[: int(length)], self._taken[int(length) :]
        return json.loads(message)

    def _more(self) -> None:
        octets = self._channel.recv(1 << 16)
        if not octets:
            raise ConnectionError("the program closed the connection")
        self._taken += octets
