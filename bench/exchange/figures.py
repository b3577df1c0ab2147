"""What is measured of the whole engine: `reconcile sync` in a process of its own, and a plain program on exchangelib in another."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from exchange.engine import Engine, Ran, ran
from exchange.server import ADDRESS, Server

_PEER = Path(__file__).with_name("peer.py")


def items(options: argparse.Namespace) -> None:
    """Appointments and contacts with nothing new on either side: ours, and the peer in three ways."""
    half = options.items // 4
    with tempfile.TemporaryDirectory() as folder, Server() as server:
        server.items(half, half)
        engine = Engine(Path(folder) / "estate", server, ["sales"], mail=False, items=True)
        engine.records(half, half, ADDRESS)
        server.requests()
        tell(f"first look: {half * 2:,} in, {half * 2:,} out", engine.sync(), server)
        tell("the look after it", engine.sync(), server)
        peers = {
            "exchangelib, list": ("list", ""),
            "exchangelib, list, pages of 1,000": ("list", "1000"),
            "exchangelib, sync_items": ("sync", ""),
        }
        asked: dict[str, list[int]] = {}
        for name, (how, page) in peers.items():
            peer(folder, server, name, how, page)
        server.requests()
        for _ in range(options.rounds):
            asked.setdefault("ours", []).append(tell("reconcile sync", engine.sync(), server))
            for name, (how, page) in peers.items():
                asked.setdefault(name, []).append(tell(name, peer(folder, server, name, how, page), server))
    for name in peers:
        print(f"ratio of requests to ours, {name}: {min(asked[name]) / max(asked['ours']):.1f}")
    print("the target is 5 against the list, in pages as exchangelib chooses them")


def peer(folder: str, server: Server, name: str, how: str, page: str) -> Ran:
    """Its run, with the table that its last one left."""
    from support.exchange_sandbox import SERVICE, SERVICE_PASSWORD

    authority = Path(folder) / "authority.pem"
    assert server.certificate is not None
    authority.write_bytes(server.certificate)
    table = Path(folder) / f"{''.join(filter(str.isalnum, name))}.db"
    command = [sys.executable, str(_PEER), how, str(table), server.url, ADDRESS, SERVICE, SERVICE_PASSWORD, page]
    return ran(command, {**os.environ, "REQUESTS_CA_BUNDLE": str(authority)})


def polled(options: argparse.Namespace) -> None:
    """A round over impersonated mailboxes with nothing new, with mail alone and with items too."""
    names = [f"box{number}" for number in range(options.mailboxes)]
    for with_items, target in ((False, 2), (True, 5)):
        with (
            tempfile.TemporaryDirectory() as folder,
            Server([f"{name}@contoso.example" for name in (*names, "office")], letters=1) as server,
        ):
            engine = Engine(Path(folder) / "estate", server, names, mail=True, items=with_items)
            engine.sync()
            engine.sync()
            server.requests()
            for _ in range(options.rounds):
                what = f"{len(names)} mailboxes with nothing new{', with items' if with_items else ''}"
                count = tell(what, engine.sync(), server)
                print(f"  {count / len(names):.2f} requests each (target {target})")


def memory(options: argparse.Namespace) -> None:
    """Peaks of `reconcile sync` for ever more items, and for ever more mail."""
    for count in options.counts:
        with tempfile.TemporaryDirectory() as folder, Server() as server:
            server.items(count // 2, count // 2)
            engine = Engine(Path(folder) / "estate", server, ["sales"], mail=False, items=True)
            server.requests()
            tell(f"{count:,} items from the mailbox", engine.sync(), server)
            tell("  nothing new", engine.sync(), server)
            if count <= options.most_made:
                engine.records(count // 2, count // 2, ADDRESS)
                tell(f"{count:,} items into the mailbox", engine.sync(), server)
                tell("  the look after it", engine.sync(), server)
                tell("  nothing new", engine.sync(), server)
    for count in options.counts:
        with tempfile.TemporaryDirectory() as folder, Server() as server:
            octets = server.mail(count)
            engine = Engine(Path(folder) / "estate", server, ["sales"], mail=True, items=False)
            server.requests()
            tell(f"{count:,} messages, {octets / 1e6:,.0f} MB", engine.sync(), server)
            tell("  nothing new", engine.sync(), server)


def tell(what: str, found: Ran, server: Server) -> int:
    """Prints a line; answers how many requests it was."""
    asked = server.requests()
    total = sum(asked.values())
    by = ", ".join(f"{name} {count}" for name, count in sorted(asked.items()))
    print(f"{what:44} {found.wall:7.2f} s  {found.cpu:7.2f} s of CPU  {found.peak:6.0f} MB  {total:6,} requests ({by})", flush=True)
    return total
