"""Reaching a mail server step by step, for a person who wants to know where it ends: name, connection, TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence

from reconcile.errors import ReconcileError, TimedOut, Unavailable
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.tls import handshake_refused, tls_context

#: A step's stable name, and what carries it out: returns what it found, raises ReconcileError.
Step = tuple[str, Callable[[], str]]


def reach_steps(endpoint: Endpoint) -> Sequence[Step]:
    """resolve, connect, and tls where it stands from the first byte (STARTTLS belongs to the protocol). Nothing is said to the server;
    each step opens and closes a connection of its own."""
    steps: list[Step] = [("resolve", lambda: _resolve(endpoint)), ("connect", lambda: _connect(endpoint))]
    return [*steps, ("tls", lambda: _handshake(endpoint))] if endpoint.tls == "implicit" else steps


def _resolve(endpoint: Endpoint) -> str:
    try:
        found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        words = getattr(error, "strerror", None) or "no host name"
        raise Unavailable(f"{endpoint.host} is not found: {words}", hint="Check the server's name, and the DNS of this host.") from error
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    return ", ".join(addresses[:4]) + (f" and {len(addresses) - 4} more" if len(addresses) > 4 else "")


def _connect(endpoint: Endpoint) -> str:
    with contextlib.closing(_dialled(endpoint)) as connected:
        return f"{connected.getpeername()[0]} answers on port {endpoint.port}"


def _dialled(endpoint: Endpoint) -> socket.socket:
    try:
        return socket.create_connection((endpoint.host, endpoint.port), endpoint.connect_timeout)
    except TimeoutError as error:
        raise TimedOut(f"{endpoint} does not answer", hint="Check the port, and whether a firewall lets this host through.") from error
    except (OSError, UnicodeError) as error:
        words = getattr(error, "strerror", None) or "no host name"
        raise Unavailable(f"{endpoint} cannot be reached: {words}", hint="Check server and port.") from error


def _handshake(endpoint: Endpoint) -> str:
    context = tls_context(endpoint.authority, endpoint.client)
    with contextlib.closing(_dialled(endpoint)) as connected:
        try:
            with context.wrap_socket(connected, server_hostname=endpoint.host) as secured:
                certificate = secured.getpeercert() or {}
                return f"{secured.version()}, certificate valid until {certificate.get('notAfter', 'unknown')}"
        except ssl.SSLError as error:
            raise _refused(error, endpoint) from error
        except TimeoutError as error:
            raise TimedOut(f"{endpoint} is silent during TLS", hint="Check port and tls.") from error
        except OSError as error:
            raise Unavailable(f"{endpoint} ended the connection during TLS: {error.strerror}", hint="Check port and tls.") from error


def _refused(error: ssl.SSLError, endpoint: Endpoint) -> ReconcileError:
    return handshake_refused(error, endpoint)
