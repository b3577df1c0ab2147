"""How to point a client at a running sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reconcile.sandbox.world import HOST, SERVICE, WORLD_FILE, World

#: Addresses that are shown.
_SHOWN: Final = 10


def instructions(world: World, count: int, faults: Sequence[tuple[str, str]] = ()) -> str:
    """Text for a person at a terminal; `count` messages lie in the inboxes, `faults` are (as asked for, what it does)."""
    slug, address = next(iter(world.mailboxes.items()))
    ports, folder = world.ports, world.place.secrets_directory
    addresses = [*world.mailboxes.values()]
    users = "\n".join(f"  {each}" for each in addresses[:_SHOWN])
    if len(addresses) > _SHOWN:
        users += f"\n  and {len(addresses) - _SHOWN:,} more, the last {addresses[-1]}"
    wrong = "".join(f"\n  {written}: {says}" for written, says in faults)
    if wrong:
        wrong = f"\n\nWhat goes wrong, as asked for:{wrong}"
    return f"""The sandbox runs until Ctrl-C, on loopback only. {count} messages lie in {len(addresses)} inboxes:
{users}

  IMAP  {HOST}:{ports.imaps} TLS, {HOST}:{ports.imap} STARTTLS
  SMTP  {HOST}:{ports.submission} STARTTLS, then login
  EWS   {world.exchange.url} (Exchange; {SERVICE} may impersonate)
  user  the address; password in {folder}/mailboxes/NAME.password
  CA    {world.authority_file}
  all   {world.place.directory / WORLD_FILE}

Any mail program that takes the CA works. From Python:

  import imaplib, pathlib, ssl
  trust = ssl.create_default_context(cafile="{world.authority_file}")
  box = imaplib.IMAP4_SSL("{HOST}", {ports.imaps}, ssl_context=trust)
  box.login("{address}", pathlib.Path("{world.password_file(slug)}").read_text())
  print(box.select("INBOX", readonly=True))

An estate finds passwords and CA with --secrets-dir {folder}
(file:sandbox-ca.pem, file:mailboxes/{slug}.password).{wrong}"""
