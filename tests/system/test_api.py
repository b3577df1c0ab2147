"""The local API from outside: every endpoint, held against its OpenAPI document, and everything that must not get in."""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource
from ruamel.yaml import YAML

from reconcile.api import handler, intake, routes
from reconcile.api.bounded import CONNECTIONS
from support.api import TOKEN, Reply, Served, served
from support.crm import Desk, letter
from support.mail_estate import wait_until
from support.tree import ROOT

_API: dict[str, Any] = YAML(typ="safe", pure=True).load((ROOT / "docs" / "openapi.yaml").read_text("utf-8"))
_FEED = json.loads((ROOT / "docs" / "feed.schema.json").read_text("utf-8"))
_REGISTRY: Registry[Any] = Registry().with_resources(
    [
        (
            "https://contoso.example/openapi.yaml",
            Resource.from_contents({"$schema": "https://json-schema.org/draft/2020-12/schema", **_API}),
        ),
        ("https://contoso.example/feed.schema.json", Resource.from_contents(_FEED)),
    ]
)


def conforms(reply: Reply, path: str, method: str = "get") -> None:
    """The answer is one that the document describes for this status."""
    responses = _API["paths"][path][method]["responses"]
    described = responses.get(str(reply.status), responses["default"])
    if "$ref" in described:
        described = _API["components"]["responses"][described["$ref"].rpartition("/")[2]]
    (kind,) = described["content"]
    assert reply.headers["Content-Type"] == kind
    schema = described["content"][kind].get("schema")
    if schema:
        where = {"$ref": f"https://contoso.example/openapi.yaml{schema['$ref']}"}
        jsonschema.Draft202012Validator(where, registry=_REGISTRY).validate(reply.document)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with mail in it, for tests that add to it at most."""
    desk = Desk(tmp_path_factory.mktemp("api"), None)  # type: ignore[arg-type]
    desk.deliver(*(letter(number) for number in range(5)))
    desk.deliver(letter(1), mailbox="box2")
    return desk.state


@pytest.fixture(scope="module")
def api(ground: Path) -> Iterator[Served]:
    with served(ground) as running:
        yield running


def mail(key: str, **fields: object) -> dict[str, object]:
    return {"clientKey": key, "from": "sales", "to": ["a@contoso.example"], "subject": "x", "text": "x", **fields}


def test_health(api: Served) -> None:
    reply = api("GET", "/v1/health")
    assert reply.status == 200
    conforms(reply, "/v1/health")
    assert reply.document["environment"] == "test"


def test_activities_are_listed_page_by_page(api: Served) -> None:
    seen, following = [], ""
    while True:
        reply = api("GET", f"/v1/activities?limit=2{following}")
        conforms(reply, "/v1/activities")
        seen += [one["id"] for one in reply.document["activities"]]
        if reply.document["next"] is None:
            break
        following = f"&next={reply.document['next']}"
    assert seen == [5, 4, 3, 2, 1]
    assert [one["id"] for one in api("GET", "/v1/activities?mailbox=box2").document["activities"]] == [2]
    assert api("GET", "/v1/activities?since=2027-01-01").document["activities"] == []


def test_one_activity_and_its_bytes(api: Served) -> None:
    reply = api("GET", "/v1/activities/1")
    conforms(reply, "/v1/activities/{id}")
    assert (reply.document["subject"], reply.document["text"].strip()) == ("letter 0", "body")
    raw = api("GET", "/v1/activities/1/raw")
    conforms(raw, "/v1/activities/{id}/raw")
    assert raw.body == letter(0)
    assert (raw.headers["X-Content-Type-Options"], raw.headers["Content-Disposition"]) == ("nosniff", 'attachment; filename="1.eml"')
    head = api("HEAD", "/v1/activities/1/raw")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(letter(0))))
    for path in ("/v1/activities/99", "/v1/activities/99/raw"):
        missing = api("GET", path)
        assert missing.status == 404
        conforms(missing, "/v1/activities/{id}")


def test_changes_are_read_to_the_end_and_waited_for(api: Served) -> None:
    place, seen = "", list[int]()
    while True:
        reply = api("GET", f"/v1/changes?limit=2{place}")
        conforms(reply, "/v1/changes")
        seen += [one["id"] for one in reply.document["changes"] if one["kind"] == "email" and one["action"] == "created"]
        place = f"&after={reply.document['cursor']}"
        if not reply.document["more"]:
            break
    assert seen == [1, 2, 3, 4, 5]
    answers: list[Reply] = []
    waiting = threading.Thread(target=lambda: answers.append(api("GET", f"/v1/changes?wait=30{place}")))
    waiting.start()
    time.sleep(0.3)
    assert api("POST", "/v1/outbox", body=mail("while waiting")).status == 200
    waiting.join(timeout=10)
    (answer,) = answers
    conforms(answer, "/v1/changes")
    assert [one["row"]["key"] for one in answer.document["changes"]] == ["while waiting"]
    started = time.monotonic()
    empty = api("GET", f"/v1/changes?wait=1&after={answer.document['cursor']}")
    assert (empty.document["changes"], empty.document["cursor"]) == ([], answer.document["cursor"])
    assert time.monotonic() - started >= 0.9


def test_a_cursor_of_another_store_is_gone(api: Served) -> None:
    cursor = api("GET", "/v1/changes?limit=1").document["cursor"]
    foreign = base64.urlsafe_b64encode(b"\x01" + bytes(16) + base64.urlsafe_b64decode(cursor)[17:]).decode()
    reply = api("GET", f"/v1/changes?after={foreign}")
    assert reply.status == 410
    conforms(reply, "/v1/changes")
    assert reply.document["error"]["kind"] == "CursorInvalid"
    assert api("GET", "/v1/changes?after=nonsense").status == 400


@pytest.mark.parametrize("lines", [True, False])
def test_mails_are_taken_in_once(api: Served, lines: bool) -> None:
    batch = [mail(f"batch {lines} {number}") for number in range(3)]
    body: object = b"\n".join(json.dumps(one).encode() for one in batch) if lines else batch
    first = api("POST", "/v1/outbox", body=body, lines=lines)
    assert first.status == 200
    conforms(first, "/v1/outbox", "post")
    again = api("POST", "/v1/outbox", body=body, lines=lines)
    assert [one["outcome"] for one in again.document["outcomes"]] == ["already-there"] * 3
    assert [one["id"] for one in again.document["outcomes"]] == [one["id"] for one in first.document["outcomes"]]
    other = api("POST", "/v1/outbox", body=[mail(f"batch {lines} 0", subject="other"), mail(f"batch {lines} 9")])
    assert (other.status, [one["outcome"] for one in other.document["outcomes"]]) == (207, ["refused", "added"])
    conforms(other, "/v1/outbox", "post")


def test_files_of_appointments_go_in_and_come_out(api: Served) -> None:
    content = bytes(range(256))
    file = {"filename": "../<b>‮.pdf", "base64": base64.b64encode(content).decode()}
    meeting = {"subject": "Budget", "scheduledstart": "2090-03-06T10:00:00Z", "scheduledend": "2090-03-06T11:00:00Z"}
    line = {"clientKey": "files-1", "kind": "appointment", "owner": "anna@contoso.example", "set": {**meeting, "attachments": [file]}}
    refused = api("POST", "/v1/items/edits", body=line).document["outcomes"][0]
    assert (refused["outcome"], refused["field"]) == ("refused", "set.attachments.0.filename")
    file["filename"] = "<b>‮.pdf"
    (taken,) = api("POST", "/v1/items/edits", body=line).document["outcomes"]
    assert taken["outcome"] == "added"
    (kept,) = api("GET", f"/v1/items/{taken['id']}").document["set"]["attachments"]
    assert kept["filesize"] == 256
    reply = api("GET", f"/v1/items/{taken['id']}/attachments/{kept['digest']}")
    assert (reply.status, reply.body) == (200, content)
    assert reply.headers["Content-Type"] == "application/octet-stream"
    assert reply.headers["Content-Disposition"] == f'attachment; filename="{kept["digest"][:12]}.bin"'
    assert api("GET", f"/v1/items/{taken['id']}/attachments/{'0' * 64}").status == 404
    by_path = {"clientKey": "files-2", "kind": "appointment", "id": taken["id"], "set": {"attachments": [{"path": "/etc/passwd"}]}}
    (refused,) = api("POST", "/v1/items/edits", body=by_path).document["outcomes"]
    assert (refused["outcome"], refused["field"]) == ("refused", "set.attachments.0.path")
    other = {"clientKey": "files-3", "kind": "appointment", "owner": "bob@contoso.example", "set": {**meeting, "attachments": [kept]}}
    (refused,) = api("POST", "/v1/items/edits", body=other).document["outcomes"]
    assert (refused["outcome"], refused["field"]) == ("refused", "set.attachments")


def test_items_are_added_changed_and_shown(api: Served) -> None:
    task = {"clientKey": "i1", "kind": "task", "owner": "anna@contoso.example", "set": {"subject": "Call"}}
    first = api("POST", "/v1/items/edits", body=task)
    conforms(first, "/v1/items/edits", "post")
    (outcome,) = first.document["outcomes"]
    assert (outcome["outcome"], outcome["version"]) == ("added", 1)
    number = outcome["id"]
    assert api("POST", "/v1/items/edits", body=task).document["outcomes"][0]["outcome"] == "already-there"
    other = {"clientKey": "i2", "kind": "task", "id": number, "expectedVersion": 9, "set": {"subject": "x"}}
    refused = api("POST", "/v1/items/edits", body=other)
    conforms(refused, "/v1/items/edits", "post")
    assert (refused.status, refused.document["outcomes"][0]["reason"]) == (422, "conflict")
    shown = api("GET", f"/v1/items/{number}")
    conforms(shown, "/v1/items/{id}")
    assert (shown.document["set"], shown.document["editedBy"], shown.document["mailboxes"]) == ({"subject": "Call"}, "api", [])
    listed = api("GET", "/v1/items?kind=task&owner=anna@contoso.example&limit=1")
    conforms(listed, "/v1/items")
    assert [one["id"] for one in listed.document["items"]] == [number]
    assert api("GET", "/v1/items?kind=mail").status == 400
    assert api("GET", "/v1/items/999999").status == 404


def test_edits_tell_their_version_and_conflicts(api: Served) -> None:
    first = api("POST", "/v1/activities/edits", body={"clientKey": "a", "id": 4, "state": "completed"})
    conforms(first, "/v1/activities/edits", "post")
    assert first.document["outcomes"][0]["version"] == 2
    refused = api("POST", "/v1/activities/edits", body={"clientKey": "b", "id": 4, "note": "x", "expectedVersion": 1})
    assert refused.status == 422
    conforms(refused, "/v1/activities/edits", "post")
    assert (refused.document["outcomes"][0]["reason"], refused.document["outcomes"][0]["version"]) == ("conflict", 2)
    (change,) = api("GET", "/v1/activities?state=completed").document["activities"]
    assert (change["id"], change["editedBy"]) == (4, "api")


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"Authorization": None}, 401, "TokenRequired"),
        ({"Authorization": "Bearer wrong-wrong-wrong-wrong-wrong"}, 401, "TokenRequired"),
        ({"Authorization": f"Bearer {TOKEN}x"}, 401, "TokenRequired"),
        ({"Authorization": f"Basic {TOKEN}"}, 401, "TokenRequired"),
        ({"Authorization": "Bearer "}, 401, "TokenRequired"),
        ({"Host": "evil.example"}, 421, "ForeignHost"),
        ({"Host": "127.0.0.1"}, 421, "ForeignHost"),
        ({"Host": "127.0.0.1.evil.example:80"}, 421, "ForeignHost"),
        ({"Host": ""}, 421, "ForeignHost"),
        ({"Origin": "http://evil.example"}, 403, "ForeignOrigin"),
        ({"Origin": "null"}, 403, "ForeignOrigin"),
        ({"Origin": "http://localhost:3000"}, 403, "ForeignOrigin"),
        ({"Sec-Fetch-Site": "cross-site"}, 403, "ForeignOrigin"),
    ],
)
def test_who_may_not_ask_gets_nothing_done(api: Served, headers: dict[str, str | None], status: int, kind: str) -> None:
    before = api("GET", "/v1/changes?limit=1000").document["cursor"]
    for method, path, body in (("GET", "/v1/activities/1/raw", None), ("POST", "/v1/outbox", mail("x")), ("GET", "/v1/nothing", None)):
        reply = api(method, path, body=body, headers=headers)
        assert (reply.status, reply.document["error"]["kind"]) == (status, kind)
        conforms(reply, "/v1/health")
        assert TOKEN.encode() not in reply.body
    assert api("GET", "/v1/changes?limit=1000").document["cursor"] == before


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1/activities/0", 404),
        ("GET", "/v1/activities/1/", 404),
        ("GET", "/v1/activities/../health", 404),
        ("GET", "/v1/%61ctivities", 404),
        ("GET", "/v1/activities/99999999999999999999", 404),
        ("GET", "/v1/activities?limit=0", 400),
        ("GET", "/v1/activities?limit=1001", 400),
        ("GET", "/v1/activities?limit=%D9%A1", 400),
        ("GET", "/v1/activities?limit=1&limit=2", 400),
        ("GET", "/v1/activities?nothing=1", 400),
        ("GET", "/v1/activities?mailbox=nobody", 400),
        ("GET", "/v1/activities?since=yesterday", 400),
        ("GET", "/v1/activities?state=done", 400),
        ("GET", "/v1/activities?regarding=account", 400),
        ("GET", "/v1/activities?next=1", 400),
        ("GET", "/v1/activities?%FF=1", 400),
        ("GET", "/v1/activities?limit", 400),
        ("GET", "/v1/changes?kinds=calendar", 400),
        ("GET", "/v1/changes?wait=61", 400),
        ("GET", "/v1/changes?after=%00", 400),
        ("POST", "/v1/activities", 405),
        ("DELETE", "/v1/activities/1", 405),
        ("OPTIONS", "/v1/outbox", 405),
        ("PUT", "/v1/outbox", 405),
        ("GET", "/v1/outbox", 405),
    ],
)
def test_what_is_asked_wrongly_is_told_the_next_step(api: Served, method: str, path: str, status: int) -> None:
    reply = api(method, path, body=b"" if method == "POST" else None)
    assert reply.status == status
    conforms(reply, "/v1/health")
    assert reply.document["error"]["hint"]
    assert status != 405 or reply.headers["Allow"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b"\n\n", "application/x-ndjson", 400),
        (b"[]", "application/json", 400),
        (b"[{}", "application/json", 400),
        (b"[{} {}]", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"\xff\xfe[]", "application/json", 422),
        (b"[\xff]", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"{}", "multipart/form-data", 415),
        (b"{}", "", 415),
        (b"{}\n" * (intake.MOST + 1), "application/x-ndjson", 413),
        (b"{}\n{", "application/x-ndjson", 422),
        (b"\x1f\x8b\x08\0", "application/json", 422),
        (b'{"a":' * 5000, "application/json", 422),
        (b'{"id":' + b"9" * 5000 + b"}", "application/json", 422),
        (b"5", "application/json", 422),
    ],
)
def test_bodies_that_are_no_batch(api: Served, body: bytes, kind: str, status: int) -> None:
    reply = api("POST", "/v1/activities/edits", body=body, headers={"Content-Type": kind})
    assert reply.status == status
    conforms(reply, "/v1/activities/edits", "post")


def test_no_file_of_this_machine_is_sent(api: Served, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    (outcome,) = api("POST", "/v1/outbox", body=mail("file", attachments=[{"path": str(tmp_path / "a.txt")}])).document["outcomes"]
    assert (outcome["outcome"], outcome["reason"]) == ("refused", "attachment")


def raw_request(port: int, data: bytes, *, wait: float = 10.0) -> bytes:
    """Octets there, octets back, until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        found = b""
        while chunk := connection.recv(65536):
            found += chunk
        return found


def head(port: int, *lines: str, first: str = "GET /v1/health HTTP/1.1") -> bytes:
    return "\r\n".join([first, f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {TOKEN}", *lines, "", ""]).encode("latin-1")


@pytest.mark.parametrize(
    ("lines", "first", "status"),
    [
        ((), "GET /v1/health HTTP/1.1", 200),
        ((), f"GET /v1/{'x' * 9000} HTTP/1.1", 414),
        (("X: " + "y" * 33_000,), "GET /v1/health HTTP/1.1", 431),
        (tuple(f"X{number}: y" for number in range(200)), "GET /v1/health HTTP/1.1", 431),
        (("Host: 127.0.0.1:1",), "GET /v1/health HTTP/1.1", 421),
        (("Authorization: Bearer x",), "GET /v1/health HTTP/1.1", 401),
        (("Transfer-Encoding: chunked",), "POST /v1/outbox HTTP/1.1", 411),
        ((), "POST /v1/outbox HTTP/1.1", 411),
        (("Content-Length: 5", "Content-Length: 6"), "POST /v1/outbox HTTP/1.1", 400),
        (("Content-Length: -1",), "POST /v1/outbox HTTP/1.1", 400),
        (("Content-Length: 1e3",), "POST /v1/outbox HTTP/1.1", 400),
        (("Content-Length: 99999999999999999999999999",), "POST /v1/outbox HTTP/1.1", 413),
        (("Content-Length: 99999999", "Expect: 100-continue"), "POST /v1/outbox HTTP/1.1", 413),
        (("Content-Length : 5",), "GET /v1/health HTTP/1.1", 400),
        (("no header", "Connection: close"), "GET /v1/health HTTP/1.1", 400),
        ((), "PRI * HTTP/2.0", 505),
        ((), "nonsense", 400),
        ((), "GET http://evil.example/v1/health HTTP/1.1", 404),
        ((), "BREW /v1/health HTTP/1.1", 405),
    ],
)
def test_requests_as_no_library_would_send_them(api: Served, lines: tuple[str, ...], first: str, status: int) -> None:
    found = raw_request(api.port, head(api.port, *lines, first=first))
    assert re.match(rb"HTTP/1\.[01] %d " % status, found), found[:300]
    document = json.loads(found.partition(b"\r\n\r\n")[2])
    assert status == 200 or document["error"]["hint"]


def test_who_asks_before_sending_a_body_is_told_to_go_on(api: Served) -> None:
    """As curl does for large ones (RFC 9110, 10.1.1)."""
    with socket.create_connection(("127.0.0.1", api.port), timeout=10) as connection:
        asked = ("Content-Type: application/json", "Content-Length: 2", "Expect: 100-continue", "Connection: close")
        connection.sendall(head(api.port, *asked, first="POST /v1/outbox HTTP/1.1"))
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert connection.recv(1000).startswith(b"HTTP/1.1 422 ")


def test_several_requests_share_a_connection(api: Served) -> None:
    one = head(api.port)
    found = raw_request(api.port, one + one + head(api.port, "Connection: close"))
    assert found.count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/activities/1", "/v1/health"])
def test_what_was_not_read_is_not_taken_for_a_request(api: Served, path: str) -> None:
    hidden = head(api.port)
    found = raw_request(api.port, head(api.port, f"Content-Length: {len(hidden)}", first=f"POST {path} HTTP/1.1") + hidden)
    assert found.count(b"HTTP/1.1") == 1
    assert b"Connection: close" in found


def test_a_body_that_breaks_off_is_not_taken(api: Served) -> None:
    data = json.dumps(mail("broken off")).encode()
    length = f"Content-Length: {len(data) + 10}"
    assert raw_request(api.port, head(api.port, "Content-Type: application/json", length, first="POST /v1/outbox HTTP/1.1") + data) == b""
    assert "broken off" not in json.dumps(api("GET", "/v1/changes?limit=1000&kinds=outbox").document)


def test_slow_senders_are_let_go(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "IDLE", 0.6)
    monkeypatch.setattr(handler, "BODY_SECONDS", 0.6)
    for data in (
        b"GET /v1/health HT",
        head(api.port, "Content-Length: 50", "Content-Type: application/json", first="POST /v1/outbox HTTP/1.1") + b"{",
    ):
        started = time.monotonic()
        with socket.create_connection(("127.0.0.1", api.port), timeout=10) as connection:
            for octet in data:
                connection.sendall(bytes([octet]))
            found = b""
            # A dribble keeps nobody waiting: the deadline is for all of it.
            while time.monotonic() - started < 5:
                try:
                    connection.sendall(b" ")
                    connection.settimeout(0.1)
                    chunk = connection.recv(65536)
                except TimeoutError:
                    continue
                except OSError:
                    break
                if not chunk:
                    break
                found += chunk
        assert time.monotonic() - started < 4
        assert found == b"" or found.startswith(b"HTTP/1.1 408 ")


def test_one_connection_too_many_is_told_so(api: Served) -> None:
    open_ = [socket.create_connection(("127.0.0.1", api.port), timeout=10) for _ in range(CONNECTIONS)]
    answers: list[bytes] = []

    def turned_away() -> bool:
        answers.append(raw_request(api.port, b""))
        return answers[-1].startswith(b"HTTP/1.1 503 ")

    try:
        wait_until(turned_away)
        assert b"Retry-After: 1" in answers[-1]
        assert json.loads(answers[-1].partition(b"\r\n\r\n")[2])["error"]["kind"] == "Busy"
    finally:
        for connection in open_:
            connection.close()
    wait_until(lambda: api("GET", "/v1/health").status == 200)


def test_too_many_waiting_readers_are_told_so(api: Served) -> None:
    cursor = api("GET", "/v1/changes?limit=1000").document["cursor"]
    waiters, taken = api.server.service.waiters, 0
    while waiters.acquire(blocking=False):
        taken += 1
    try:
        refused = api("GET", f"/v1/changes?wait=1&after={cursor}")
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        conforms(refused, "/v1/changes")
        assert api("GET", f"/v1/changes?after={cursor}").status == 200
    finally:
        for _ in range(taken):
            waiters.release()
    assert taken == 8
    assert api("GET", f"/v1/changes?wait=1&after={cursor}").status == 200


def test_a_bug_ends_its_request_and_not_the_server(
    api: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise LookupError("value of somebody's mail")

    with monkeypatch.context() as patch:
        patch.setattr(routes, "answer", broken)
        reply = api("GET", "/v1/health")
    assert (reply.status, reply.document["error"]["kind"]) == (500, "Bug")
    assert b"somebody" not in reply.body
    assert "LookupError" in capsys.readouterr().err
    assert api("GET", "/v1/health").status == 200


def test_every_path_of_the_document_is_there_and_no_other() -> None:
    documented = {(method.upper(), path) for path, methods in _API["paths"].items() for method in methods}
    assert len(documented) == len(routes.ROUTES)
    for method, path in documented:
        route, _ = routes.route_of(method, path.replace("{id}", "1").replace("{digest}", "0" * 64))
        named = {one["name"] for one in _API["paths"][path][method.lower()].get("parameters", []) if "name" in one}
        assert named == route.parameters
