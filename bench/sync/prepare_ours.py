"""Applied state for our own row: `prepare_ours.py FOLDER [--pop3] [--known-senders] USER... | @FILE` writes a state folder in which each
user is a mailbox; with --known-senders it tracks only mail of the directory of parties (bench/receive.py imports one).

Run it with the project's Python. It is not part of what is measured: `reconcile apply` does the same for people.
"""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests"))

from support.receiving import apply_estate

folder, *users = sys.argv[1:]
pop3, known = "--pop3" in users, "--known-senders" in users
users = [user for user in users if not user.startswith("--")]
if users[0].startswith("@"):
    users = pathlib.Path(users[0][1:]).read_text().split()
os.umask(0o077)
apply_estate(
    pathlib.Path(folder),
    port=int(os.environ.get("BENCH_POP3", "14110") if pop3 else os.environ.get("BENCH_IMAP", "14143")),
    passwords=dict.fromkeys(users, "pw"),
    tls="none",
    server="127.0.0.1",
    profile={"incoming.protocol": "pop3"} if pop3 else None,
    mailbox={"filter": "known-senders"} if known else None,
)
