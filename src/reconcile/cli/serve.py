"""`reconcile serve`."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode

_TOKEN = "file:api.token"


@click.command("serve", short_help="Answer a CRM on this machine: feed, activities, outgoing mail over HTTP.")
@click.option("--port", type=click.IntRange(0, 65535), default=8025, metavar="PORT", help="Port; 0 takes a free one [8025].")
@click.option("--address", default="127.0.0.1", metavar="ADDRESS", help="Loopback address; others are refused [127.0.0.1].")
@click.option("--socket", "path", type=click.Path(path_type=Path), metavar="PATH", help="A Unix socket instead of a port.")
@click.option("--token", "reference", default=_TOKEN, metavar="REF", help=f"Reference to the bearer token [{_TOKEN}, made on first use].")
@common(estate=False)
def command(context: Context, port: int, address: str, path: Path | None, reference: str) -> ExitCode:
    """Serve the change feed, tracked e-mail and the intake of mail and edits to programs on this machine, until SIGTERM or Ctrl-C.

    Every request needs Authorization: Bearer TOKEN. docs/api.md describes the endpoints, docs/openapi.yaml defines them.

    Example: reconcile serve --port 0 --output json
    """
    from reconcile.api.server import on_loopback, on_socket, serve
    from reconcile.wiring.api import api_service, api_token
    from reconcile.wiring.state import environment_name

    stopping, asked = threading.Event(), threading.Event()
    environment = environment_name(context.settings, context.environment)
    token = api_token(context.settings, reference)
    with api_service(context.settings, environment, stopping) as service, _signals(asked):
        server, place = on_socket(service, token, path) if path else on_loopback(service, token, address=address, port=port)
        if context.as_json:
            context.json({"formatVersion": "1.0", "listening": place, "environment": environment, "token": reference})
        else:
            context.data(f"listening on {place} for environment {environment}; the token is {reference}")
        sys.stdout.flush()
        try:
            serve(server, asked.is_set)
        finally:
            if path is not None:
                path.unlink(missing_ok=True)
    context.say("ended")
    return ExitCode.NOTHING_TO_DO


@contextmanager
def _signals(asked: threading.Event) -> Iterator[None]:
    """SIGTERM and Ctrl-C ask for the end."""

    def ask(number: int, frame: FrameType | None) -> None:
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
