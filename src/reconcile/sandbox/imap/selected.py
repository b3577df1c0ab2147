"""A folder as one session sees it: sequence numbers stay put until the client is told (RFC 3501, section 7.4.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from reconcile.sandbox.accounts import Folder, PostOffice
from reconcile.sandbox.faults import Faults
from reconcile.sandbox.imap import fetch, search, sequence
from reconcile.sandbox.imap.grammar import BadCommand, Command, Value, text_of


class Selected:
    """`uids` in order; the sequence number is the place in it, from 1."""

    def __init__(self, post_office: PostOffice, address: str, folder: Folder, *, read_only: bool) -> None:
        self.post_office = post_office
        self.address = address
        self.name = folder.name
        self.read_only = read_only
        self.uids = sorted(folder.messages)
        self._uid_validity = folder.uid_validity

    def news(self, *, expunges: bool) -> bytes | None:
        """EXISTS and EXPUNGE since the last answer; None when the folder's UIDVALIDITY changed underneath."""
        folder = self.post_office.folder(self.address, self.name)
        if folder is None or folder.uid_validity != self._uid_validity:
            return None
        lines = []
        if expunges:
            for place in range(len(self.uids), 0, -1):
                if self.uids[place - 1] not in folder.messages:
                    del self.uids[place - 1]
                    lines.append(b"* %d EXPUNGE\r\n" % place)
        last = self.uids[-1] if self.uids else 0
        added = sorted(uid for uid in folder.messages if uid > last)
        if added:
            self.uids += added
            lines.append(b"* %d EXISTS\r\n" % len(self.uids))
        return b"".join(lines)

    def expunge(self) -> None:
        """Remove what is flagged as deleted; `news` tells the client."""
        folder = self.post_office.folder(self.address, self.name)
        gone = [] if folder is None else [uid for uid, message in folder.messages.items() if "\\Deleted" in message.flags]
        self.post_office.remove(self.address, gone, folder=self.name)

    def chosen(self, command: Command) -> list[tuple[int, int]]:
        """(sequence number, UID) of the messages that the first argument names. Raises BadCommand."""
        if not command.arguments:
            raise BadCommand(f"{command.name} needs a set of messages")
        text = text_of(command.arguments[0])
        if command.uid:
            wanted = set(sequence.among(text, self.uids))
            return [(place, uid) for place, uid in enumerate(self.uids, 1) if uid in wanted]
        places = sequence.among(text, list(range(1, len(self.uids) + 1)))
        return [(place, self.uids[place - 1]) for place in places]


def answer_fetch(command: Command, selected: Selected, faults: Faults, send: Callable[[bytes], None]) -> None:
    """One response a message, sent as it is made."""
    if len(command.arguments) != 2:
        raise BadCommand("FETCH takes a set and what to fetch")
    chosen = selected.chosen(command)
    asked = fetch.items(command.arguments[1], with_uid=command.uid)
    for place, uid in chosen:
        message = selected.post_office.message(selected.address, selected.name, uid)
        if message is None or faults.omitted(selected.address, uid):
            continue
        wanted = asked
        if not selected.read_only and "\\Seen" not in message.flags and any(item.marks_seen for item in asked):
            message = replace(message, flags=message.flags | {"\\Seen"})
            selected.post_office.set_flags(selected.address, selected.name, uid, message.flags)
            if all(item.label != "FLAGS" for item in asked):
                wanted = (*asked, fetch.Item(label="FLAGS"))
        send(fetch.answer(place, message, wanted))


def answer_search(command: Command, selected: Selected) -> bytes:
    """Raises BadCommand, and LookupError with the text of a NO."""
    folder = selected.post_office.folder(selected.address, selected.name)
    messages = folder.messages if folder else {}
    try:
        asked = search.parse(command.arguments, largest_sequence=len(selected.uids), largest_uid=selected.uids[-1] if selected.uids else 0)
    except search.BadCharset:
        raise LookupError(f"[BADCHARSET ({' '.join(sorted(search.CHARSETS))})] charset not known") from None
    found = [
        uid if command.uid else place
        for place, uid in enumerate(selected.uids, 1)
        if uid in messages and asked.matches(search.Candidate(sequence=place, message=messages[uid]))
    ]
    if asked.wanted is None:
        return ("* SEARCH" + "".join(f" {number}" for number in found) + "\r\n").encode()
    parts = [f'(TAG "{command.tag}")', *(["UID"] if command.uid else [])]
    if found:
        parts += [f"MIN {found[0]}"] if "MIN" in asked.wanted else []
        parts += [f"MAX {found[-1]}"] if "MAX" in asked.wanted else []
        parts += [f"ALL {sequence.compact(found)}"] if "ALL" in asked.wanted else []
    parts += [f"COUNT {len(found)}"] if "COUNT" in asked.wanted else []
    return f"* ESEARCH {' '.join(parts)}\r\n".encode()


def answer_store(
    command: Command, selected: Selected, read_flags: Callable[[Value], tuple[str, ...]], send: Callable[[bytes], None]
) -> None:
    """FLAGS, +FLAGS, -FLAGS, each also .SILENT."""
    if len(command.arguments) < 3:
        raise BadCommand("STORE takes a set, what to do, and flags")
    verb = text_of(command.arguments[1]).upper()
    silent = verb.endswith(".SILENT")
    rest = command.arguments[2] if len(command.arguments) == 3 else command.arguments[2:]
    given = frozenset(read_flags(rest))
    for place, uid in selected.chosen(command):
        message = selected.post_office.message(selected.address, selected.name, uid)
        if message is None:
            continue
        match verb.removesuffix(".SILENT"):
            case "FLAGS":
                flags = given
            case "+FLAGS":
                flags = message.flags | given
            case "-FLAGS":
                flags = message.flags - given
            case _:
                raise BadCommand("STORE knows FLAGS, +FLAGS and -FLAGS")
        selected.post_office.set_flags(selected.address, selected.name, uid, flags)
        if not silent:
            label = fetch.Item(label="FLAGS")
            send(fetch.answer(place, replace(message, flags=flags), (fetch.Item(label="UID"), label) if command.uid else (label,)))
