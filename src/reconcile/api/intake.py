"""POST /v1/outbox and /v1/activities/edits: batches, with the same code as the commands."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from reconcile.api.problem import Problem
from reconcile.api.request import JSON, JSON_LINES, Answer, Request
from reconcile.api.service import Service
from reconcile.model.exit_code import ExitCode
from reconcile.model.intake import LineOutcome, Tally
from reconcile.report.intake_json import outcome_json, tally_json
from reconcile.sync.decide.intake_line import LineError
from reconcile.sync.lines import Line, elements_of, lines_of

#: Lines of one request.
MOST = 10_000
#: Everything was taken; some of it; nothing.
_STATUS = {ExitCode.NOTHING_TO_DO: 200, ExitCode.PARTLY_APPLIED: 207, ExitCode.FAILURE: 422}


def outbox(service: Service, request: Request) -> Answer:
    """Outgoing mail. Attachments come as base64: no files of this machine are read."""
    return answered(service.outgoing.take(lines(request)))


def edits(service: Service, request: Request) -> Answer:
    """Edits of activities."""
    return answered(service.edits.take(lines(request)))


def answered(batches: Iterator[Sequence[LineOutcome]]) -> Answer:
    """The outcomes of all lines, and their sum."""
    tally, outcomes = Tally.empty(), list[dict[str, object]]()
    for batch in batches:
        tally.count(batch)
        outcomes += map(outcome_json, batch)
    return Answer(status=_STATUS[tally.code], document={**tally_json(tally), "outcomes": outcomes})


def lines(request: Request) -> Sequence[Line]:
    """All of them, before the first is looked at: a batch that is too long, or an array that breaks off, is refused as a whole."""
    try:
        found = list(islice(_split(request), MOST + 1))
    except LineError as error:
        raise Problem(400, "BadBody", error.message, error.hint) from error
    if len(found) > MOST:
        raise Problem(413, "TooManyLines", f"one request takes {MOST:,} lines", "Send the batch in several requests; nothing was taken.")
    if not found:
        raise Problem(400, "BadBody", "the body has no line", "Send one JSON object a line, or an array of objects.")
    return found


def _split(request: Request) -> Iterable[Line]:
    if request.content_type in JSON_LINES:
        return lines_of(io.BytesIO(request.body))
    if request.content_type != JSON:
        raise Problem(415, "BadContentType", "the body is of a type that is not taken here", f"Send {JSON} or {JSON_LINES[0]}.")
    if request.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        return elements_of(request.body)
    return [Line(1, request.body)] if request.body.strip() else []
