#!/usr/bin/env python3
"""Exchange Web Services beside plain exchangelib, on the sandbox's Exchange in a process of its own.

    python bench/ews.py initial [--only ours|exchangelib]   10,000 messages with their MIME, ours and the peer's in turn
    python bench/ews.py poll [--mailboxes 200]     the connector: a round over impersonated mailboxes with nothing new
    python bench/ews.py engine [--mailboxes 200]   the same for the whole of `reconcile sync`
    python bench/ews.py items [--items 10000]      half appointments, half contacts, nothing new: `reconcile sync`, and the peer
    python bench/ews.py memory [--counts 1000 10000 50000]   peaks of `reconcile sync`

The corpus is that of bench/sync (36 KB a message on average). The peer of `initial` is used as its documentation shows: `sync_items`, then
`fetch` of the MIME content, with endpoint, version and authentication given; both drop what they read. The peer of `items` is
bench/exchange/peer.py, a whole program. Requests are counted at the server, which keeps no record.
Targets: initial at most a quarter of the peer's time; poll and engine at most 2 requests a mailbox, 5 with appointments, contacts and
tasks; items at most a fifth of the requests of the peer that lists; memory the same for any number.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent))

from exchange.figures import items, memory, polled
from exchange.server import ADDRESS, Server

PASSWORD = "correct horse battery"
SERVICE, SERVICE_PASSWORD = "crm-service", "service battery horse"


def account(url: str, address: str, *, impersonates: bool = False) -> Any:
    from reconcile.mail.endpoint import Endpoint
    from reconcile.mail.ews.account import ExchangeAccount
    from reconcile.mail.sign_in.password import PasswordSignIn
    from reconcile.model.mailbox_access import MailboxAccess
    from reconcile.model.secret import Secret

    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    name, password = (SERVICE, SERVICE_PASSWORD) if impersonates else (address, PASSWORD)
    return ExchangeAccount(
        endpoint=Endpoint(host=parts.hostname, port=parts.port, tls="none", path=parts.path),
        sign_in=PasswordSignIn(name, Secret(password.encode())),
        address=address,
        access=MailboxAccess.IMPERSONATION if impersonates else MailboxAccess.OWN,
    )


def ours(url: str, most: int) -> tuple[int, int]:
    """Messages and octets read."""
    from reconcile.mail.ews.inbox import EwsInbox
    from reconcile.mail.ews.sessions import Sessions
    from reconcile.ports.mail import Listed

    inbox, count, octets = EwsInbox(account(url, ADDRESS), Sessions()), 0, 0

    def accept(_: Listed, chunks: Iterator[bytes]) -> None:
        nonlocal count, octets
        octets += sum(map(len, chunks))
        count += 1

    inbox.look(None)
    for _ in inbox.read(None, since=None, retry=(), wanted=lambda _: True, accept=accept):
        if count >= most:
            break
    inbox.close()
    return count, octets


def peer(url: str, most: int) -> tuple[int, int]:
    """The same with exchangelib."""
    from exchangelib import BASIC, DELEGATE, Account, Configuration, Credentials, Version
    from exchangelib.version import EXCHANGE_2016

    configuration = Configuration(
        service_endpoint=url, credentials=Credentials(ADDRESS, PASSWORD), auth_type=BASIC, version=Version(build=EXCHANGE_2016)
    )
    found = Account(ADDRESS, config=configuration, autodiscover=False, access_type=DELEGATE)
    ids, octets = list[Any](), 0
    for kind, item in found.inbox.sync_items(only_fields=["datetime_received", "size"]):
        if kind == "create":
            ids.append((item.id, item.changekey))
        if len(ids) >= most:
            break
    count = 0
    for item in found.fetch(ids=ids, only_fields=["mime_content"]):
        octets += len(item.mime_content)
        count += 1
    return count, octets


def timed(work: Callable[[str, int], tuple[int, int]], url: str, most: int) -> tuple[float, float, int, int]:
    wall, cpu = time.perf_counter(), time.process_time()
    count, octets = work(url, most)
    return time.perf_counter() - wall, time.process_time() - cpu, count, octets


def initial(options: argparse.Namespace) -> None:
    with Server(tls=False) as server:
        server.mail(options.messages)
        works = {"ours": (ours, options.messages), "exchangelib": (peer, options.peer_messages or options.messages)}
        chosen = {name: works[name] for name in ([options.only] if options.only else works)}
        # What is imported is not what is compared; the server parses what it has only once.
        for work, _ in chosen.values():
            work(server.url, 100)
        if options.warm:
            ours(server.url, options.messages)
        results: dict[str, list[float]] = {name: [] for name in chosen}
        for _ in range(options.rounds):
            for name, (work, most) in chosen.items():
                server.requests()
                wall, cpu, count, octets = timed(work, server.url, most)
                results[name].append(wall / count)
                print(
                    f"{name:12} {count:6,} messages, {octets / 1e6:6.1f} MB: {wall:6.2f} s, {cpu:6.2f} s of CPU,"
                    f" {wall / count * 1000:5.2f} ms a message, {sum(server.requests().values())} requests, peak memory {peak():.0f} MB",
                    flush=True,
                )
        if not options.only:
            print(f"ratio {min(results['exchangelib']) / min(results['ours']):.1f} (target 4)")


def poll(options: argparse.Namespace) -> None:
    from reconcile.mail.ews.collection import EwsCollection
    from reconcile.mail.ews.inbox import EwsInbox
    from reconcile.mail.ews.sessions import Sessions
    from reconcile.model.item import ItemKind

    addresses = [f"box{number}@contoso.example" for number in range(options.mailboxes)]
    with Server(addresses, letters=1, tls=False) as server:
        sessions, cursors, places = Sessions(), {}, {}
        for address in addresses:
            reached = account(server.url, address, impersonates=True)
            inbox = EwsInbox(reached, sessions)
            inbox.look(None)
            *_, last = inbox.read(None, since=None, retry=(), wanted=lambda _: True, accept=drop)
            cursors[address] = last.cursor
            inbox.close()
            for kind in ItemKind:
                *_, page = EwsCollection(reached, sessions, kind).changes(None)
                places[address, kind] = page.cursor
        for _ in range(options.rounds):
            for with_items, target in ((False, 2), (True, 5)):
                server.requests()
                wall, cpu, held = time.perf_counter(), time.process_time(), peak()
                for address, cursor in cursors.items():
                    reached = account(server.url, address, impersonates=True)
                    inbox = EwsInbox(reached, sessions)
                    assert not inbox.look(cursor).news
                    inbox.close()
                    for kind in ItemKind if with_items else ():
                        (page,) = EwsCollection(reached, sessions, kind).changes(places[address, kind])
                        assert not page.items
                count = sum(server.requests().values())
                print(
                    f"{len(cursors)} mailboxes with nothing new{', with items' if with_items else ''}: {count} requests"
                    f" ({count / len(cursors):.2f} each, target {target}), {time.perf_counter() - wall:.2f} s,"
                    f" {time.process_time() - cpu:.2f} s of CPU, peak memory +{peak() - held:.1f} MB"
                )


def drop(_: Any, chunks: Iterator[bytes]) -> None:
    for _chunk in chunks:
        pass


def peak() -> float:
    """Of this process, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["initial", "poll", "engine", "items", "memory"])
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--peer-messages", type=int, default=0, help="so many for the peer (0: as many)")
    parser.add_argument("--only", choices=["ours", "exchangelib"], help="one of the two, where both take too long for one run")
    parser.add_argument("--mailboxes", type=int, default=200)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--counts", type=int, nargs="+", default=[1_000, 10_000, 50_000])
    parser.add_argument("--most-made", type=int, default=10_000, help="up to so many items are made from our side, too")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--warm", action="store_true", help="let the server see every message once before")
    options = parser.parse_args()
    {"initial": initial, "poll": poll, "engine": polled, "items": items, "memory": memory}[options.what](options)


if __name__ == "__main__":
    main()
