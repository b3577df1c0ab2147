"""POP3 as bytes (RFC 1939, section 3): commands out, status lines and dot-stuffed texts in, each text streamed.

Nothing but the text that is being read is in memory, and of that a few megabytes at most.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator, Sequence

from reconcile.mail.pop3.faults import Broken, Refused

_RECEIVE = 256 << 10
#: A text goes on in pieces of about so many bytes.
PIECE_BYTES = 1 << 20
#: RFC 2449, section 4 allows 512 octets; servers are wordier.
_LONGEST_LINE = 16 << 10
#: Listings are read as a whole: enough for a million messages.
_LONGEST_LISTING = 128 << 20
_END = b"\r\n.\r\n"


class Wire:
    """One connection. `clean` while everything that was asked for has been read to its end."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = bytearray()
        self._at = 0
        self.open_answers = 0

    @property
    def clean(self) -> bool:
        return self.open_answers == 0

    def send(self, commands: Sequence[bytes]) -> None:
        """Some in one write; each will have an answer. None of them holds a line end."""
        self.open_answers += len(commands)
        self._sock.sendall(b"".join(command + b"\r\n" for command in commands))

    def say(self, line: bytes) -> None:
        """An answer to a challenge."""
        self._sock.sendall(line + b"\r\n")

    def greeting(self) -> str:
        """The first line. Raises Refused, Broken."""
        self.open_answers += 1
        return self.status()

    def status(self) -> str:
        """The text behind +OK of the next answer. Raises Refused for -ERR, Broken for anything else."""
        text = self._status()
        self.open_answers -= 1
        return text

    def challenge(self) -> bytes | None:
        """Within an exchange of AUTH (RFC 5034): what stands behind "+ ", or None when the exchange ended well. Raises Refused."""
        line = self._line()
        if line.startswith(b"+ ") or line == b"+":
            return line[2:]
        self._judge(line)
        self.open_answers -= 1
        return None

    def body(self) -> Iterator[bytes]:
        """The text of the next answer, without the dots of the protocol, in pieces with all line ends; to be read to its end.

        Raises Refused and Broken when called, Broken while it is read.
        """
        self._status()
        self._at -= 2  # the line end before the first line: every line then stands behind one
        return self._pieces()

    def whole(self) -> bytes:
        """The same in one piece, for listings."""
        pieces, size = [], 0
        for piece in self.body():
            size += len(piece)
            if size > _LONGEST_LISTING:
                raise Broken("the server's listing does not end")
            pieces.append(piece)
        return b"".join(pieces)

    def spoke_early(self) -> bool:
        """Whether something came that nothing asked for."""
        if self._at < len(self._buffer):
            return True
        before = self._sock.gettimeout()
        self._sock.settimeout(0)
        try:
            self._sock.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        finally:
            self._sock.settimeout(before)
        return True

    def secure(self, context: ssl.SSLContext, host: str) -> None:
        """TLS over the same connection. Raises ssl.SSLError."""
        self._sock = context.wrap_socket(self._sock, server_hostname=host)

    def close(self, *, patience: float = 2.0) -> None:
        """QUIT where that still works (it frees the mailbox for the next session; without DELE it changes nothing). Raises nothing."""
        with contextlib.suppress(Exception):
            if self.clean:
                self._sock.settimeout(patience)
                self.send([b"QUIT"])
                self.status()
        self.drop()

    def drop(self) -> None:
        """Raises nothing."""
        with contextlib.suppress(Exception):
            self._sock.close()

    def _status(self) -> str:
        return self._judge(self._line())

    def _judge(self, line: bytes) -> str:
        text = line.decode("utf-8", "replace")
        if line[:3].upper() == b"+OK":
            return text[3:].strip()
        if line[:4].upper() == b"-ERR":
            self.open_answers -= 1
            raise Refused(text[4:].strip())
        raise Broken("the server's answer is no POP3: " + text[:60])

    def _line(self) -> bytes:
        searched = self._at
        while (end := self._buffer.find(b"\r\n", searched)) < 0:
            if len(self._buffer) - self._at > _LONGEST_LINE:
                raise Broken("the server sent a line without end")
            searched = max(self._at, len(self._buffer) - 1)
            searched -= self._receive()
        line = bytes(self._buffer[self._at : end])
        self._at = end + 2
        return line

    def _receive(self) -> int:
        """More bytes; what was consumed goes, and by how much everything moved."""
        data = self._sock.recv(_RECEIVE)
        if not data:
            raise Broken("the server ended the connection")
        gone, self._at = self._at, 0
        del self._buffer[:gone]
        self._buffer += data
        return gone

    def _pieces(self) -> Iterator[bytes]:
        skip, searched = 2, self._at
        while True:
            end = self._buffer.find(_END, searched)
            if end >= 0:
                piece = self._unstuffed(end + 2, skip)
                self._at = end + len(_END)
                self.open_answers -= 1
                if piece:
                    yield piece
                return
            if len(self._buffer) - self._at > PIECE_BYTES:
                # Whatever stands before the last line end is complete; a line without end is cut where no pattern can begin.
                cut = self._buffer.rfind(b"\r\n", self._at + 2)
                if cut < 0:
                    cut = len(self._buffer) - len(_END)
                piece = self._unstuffed(cut, skip)
                skip, self._at = 0, cut
                yield piece
            searched = max(self._at, len(self._buffer) - len(_END) + 1)
            searched -= self._receive()

    def _unstuffed(self, end: int, skip: int) -> bytes:
        with memoryview(self._buffer) as view:
            text = bytes(view[self._at + skip : end])
        if b"\r\n.." in text:
            text = text.replace(b"\r\n..", b"\r\n.")
        return text[1:] if skip and text.startswith(b"..") else text
