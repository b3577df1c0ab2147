"""SyncFolderHierarchy and SyncFolderItems: what changed since a state the server handed out, page by page."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.sandbox.ews.call import Call, answer, failure, success
from reconcile.sandbox.ews.faults import FaultKind
from reconcile.sandbox.ews.folder_values import folder_node
from reconcile.sandbox.ews.ids import FOLDER, ITEM, Id
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node, flag
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.shapes import item_node, read_shape
from reconcile.sandbox.ews.stored import Folder
from reconcile.sandbox.ews.values import item_id_node

#: MaxChangesReturned goes up to this (page "SyncFolderItems").
LIMIT: Final = 512
_MARK: Final = b"sandbox state "
_STALE: Final = frozenset((FaultKind.STALE,))


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """Versions of the mailbox: the client knows what was born up to the one, and changes up to the other."""

    born: int
    changed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """`changes` are (element, item number)."""

    changes: list[tuple[str, int]]
    state: _State
    last: bool


def sync_folder_items(call: Call) -> Node:
    """Created, changed, flagged and removed items of one folder, oldest change first."""
    empty = (Node("m:SyncState"), Node("m:IncludesLastItemInRange", "true"))

    def act(wanted: Node) -> Sequence[Node]:
        shape = read_shape(call.request.child("m:ItemShape"), in_list=True, lenient=True)
        mailbox, folder = call.folder(wanted)
        state = _since(call, mailbox, folder)
        ignored = {child.attributes.get("Id", "") for child in call.request.child("m:Ignore").children}
        associated = call.request.text_at("m:SyncScope") == "NormalAndAssociatedItems"
        page = _page(mailbox, folder, state, min(_limit(call), LIMIT))
        changes = []
        for kind, number in page.changes:
            item = folder.items.get(number)
            id_ = str(Id(ITEM, mailbox.number, number))
            if id_ in ignored or (item is not None and item.associated and not associated):
                continue
            if item is None:
                changes.append(Node("t:Delete", children=(Node("t:ItemId", attributes={"Id": id_}),)))
            elif kind == "ReadFlagChange":
                read = Node("t:IsRead", item.text("IsRead") or "false")
                changes.append(Node("t:ReadFlagChange", children=(item_id_node(mailbox, item), read)))
            else:
                changes.append(Node(f"t:{kind}", children=(item_node(mailbox, item, shape),)))
        return (
            Node("m:SyncState", _written(mailbox, folder.number, page.state)),
            Node("m:IncludesLastItemInRange", flag(page.last)),
            Node("m:Changes", children=changes),
        )

    return call.batch(call.request.child("m:SyncFolderId").children, act, empty=empty)


def sync_folder_hierarchy(call: Call) -> Node:
    """Created, changed and removed folders below one, or below the top of the mailbox."""
    empty = (Node("m:SyncState"), Node("m:IncludesLastFolderInRange", "true"))
    try:
        call.faults.spoil_item(call.operation, call.acting_as, 0)
        shape = read_shape(call.request.child("m:FolderShape"))
        given = call.request.child("m:SyncFolderId").children
        if given:
            mailbox, top = call.folder(given[0])
        else:
            mailbox = call.own_mailbox()
            top = mailbox.folders[1]
        since = _since(call, mailbox, top).changed
        below = {folder.number for folder in mailbox.below(top.number)}
        changes = []
        for number, at in mailbox.folder_log.items():
            folder = mailbox.folders[number]
            if at > since and number in below:
                kind = "t:Create" if folder.born_at > since else "t:Update"
                changes.append(Node(kind, children=(folder_node(mailbox, folder, shape),)))
        for number, (born, at) in mailbox.folders_gone.items():
            if at > since >= born:
                id_ = Node("t:FolderId", attributes={"Id": str(Id(FOLDER, mailbox.number, number))})
                changes.append(Node("t:Delete", children=(id_,)))
        return answer(
            call.operation,
            [
                success(
                    call.operation,
                    Node("m:SyncState", _written(mailbox, top.number, _State(born=mailbox.version, changed=mailbox.version))),
                    Node("m:IncludesLastFolderInRange", "true"),
                    Node("m:Changes", children=changes),
                )
            ],
        )
    except EwsError as error:
        return answer(call.operation, [failure(call.operation, error, empty)])


def _page(mailbox: Mailbox, folder: Folder, state: _State, limit: int) -> _Page:
    """First what the client knows and what changed since, by time of change; then what it does not know, by birth.

    Both orders stay as they are while pages are fetched, so that nothing is skipped and nothing unknown is called changed.
    """
    recent = []
    for number in reversed(folder.log):  # in order of change, so this ends at the first old one
        at = folder.log[number]
        if at <= state.changed:
            break
        item = folder.items[number]
        if item.born_at <= state.born:
            only_flag = 0 < item.only_read_flag_since <= state.changed
            recent.append((at, "ReadFlagChange" if only_flag else "Update", number))
    recent += [(at, "Delete", number) for number, (born, at) in folder.gone.items() if at > state.changed and born <= state.born]
    recent.sort()
    changes = [(kind, number) for _, kind, number in recent[:limit]]
    if len(recent) > limit:
        return _Page(changes=changes, state=_State(born=state.born, changed=recent[limit - 1][0]), last=False)
    fresh = []
    for number in reversed(folder.items):
        if folder.items[number].born_at <= state.born:
            break
        fresh.append(number)
    room = limit - len(changes)
    chosen = fresh[::-1][:room]
    changes += [("Create", number) for number in chosen]
    if len(fresh) > room:
        born = folder.items[chosen[-1]].born_at if chosen else state.born
        return _Page(changes=changes, state=_State(born=born, changed=mailbox.version), last=False)
    return _Page(changes=changes, state=_State(born=mailbox.version, changed=mailbox.version), last=True)


def _limit(call: Call) -> int:
    try:
        wanted = int(call.request.text_at("m:MaxChangesReturned", "100"))
    except ValueError:
        wanted = 0
    if wanted < 1:
        raise EwsError("ErrorInvalidSyncStateData", "MaxChangesReturned must be at least 1.")
    return wanted


def _written(mailbox: Mailbox, folder: int, state: _State) -> str:
    return base64.b64encode(_MARK + json.dumps([mailbox.number, folder, state.born, state.changed]).encode()).decode()


def _since(call: Call, mailbox: Mailbox, folder: Folder) -> _State:
    """What a state stands for. Raises EwsError ErrorInvalidSyncStateData for a foreign or expired one."""
    text = call.request.text_at("m:SyncState").strip()
    if not text:
        return _State(born=0, changed=0)
    if call.faults.take(_STALE, call.operation, call.acting_as) is not None:
        raise EwsError("ErrorInvalidSyncStateData")
    try:
        octets = base64.b64decode(text, validate=True)
        number, of_folder, born, changed = json.loads(octets.removeprefix(_MARK))
    except (binascii.Error, ValueError, TypeError):
        raise EwsError("ErrorInvalidSyncStateData") from None
    fits = octets.startswith(_MARK) and (number, of_folder) == (mailbox.number, folder.number)
    if not fits or not mailbox.oldest_state <= changed <= mailbox.version:
        raise EwsError("ErrorInvalidSyncStateData")
    return _State(born=born, changed=changed)
