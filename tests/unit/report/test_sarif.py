"""SARIF: valid, stable, inside the limits of code scanning, and harmless whatever stands in a finding."""

from __future__ import annotations

import gzip
import json
import random
import string
import tracemalloc
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from reconcile.model.finding import Severity
from reconcile.model.position import Position
from reconcile.report.rule_facts import facts
from reconcile.report.sarif import MOST_COMPRESSED, MOST_RESULTS, sarif
from reconcile.report.sightings import Sightings
from support.findings import HOSTILE, finding, rule, sample
from support.published_schemas import violations


def written(findings: object, **options: Any) -> dict[str, Any]:
    text = "".join(sarif(findings, facts([rule()]), version="0.1.0", **options))  # type: ignore[arg-type]
    document: dict[str, Any] = json.loads(text)
    assert violations("sarif-schema-2.1.0.json", document) == []
    return document


def run_of(findings: object, **options: Any) -> dict[str, Any]:
    run: dict[str, Any] = written(findings, **options)["runs"][0]
    return run


def test_the_shape_notices_what_is_wrong() -> None:
    document = written(sample())
    document["runs"][0]["results"][0]["level"] = "fatal"
    assert violations("sarif-schema-2.1.0.json", document)


def test_every_result_names_its_rule() -> None:
    run = run_of(sample())
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    known = next(one for one in run["tool"]["driver"]["rules"] if one["id"] == "act-needs-impersonation")
    assert known["helpUri"] == "https://docs.contoso.example/profile"
    assert "somebody else's calendar" in known["help"]["text"]
    linked = run_of(sample(), docs_url="https://docs.contoso.example/reconcile/")["tool"]["driver"]["rules"]
    assert {one["id"]: one.get("helpUri") for one in linked}["schema/range"] == "https://docs.contoso.example/reconcile/findings.md"


def test_nothing_is_a_valid_run_too() -> None:
    assert run_of([])["results"] == []


def test_accepted_findings_are_suppressed() -> None:
    justified = [one["suppressions"][0]["justification"] for one in run_of(sample())["results"] if "suppressions" in one]
    assert justified == ["accepted by waiver legacy-until-spring until 2027-03-31", "accepted by the baseline"]


def test_fingerprints_stay_when_lines_and_words_change_and_differ_otherwise() -> None:
    before, after = [[*one] for one in ([finding(1), finding(2)], [replace(finding(1), position=Position("x.yaml", 99), message="m")])]
    first, second = (one["partialFingerprints"] for one in run_of(before)["results"])
    assert first != second
    (moved,) = (one["partialFingerprints"] for one in run_of(after)["results"])
    assert moved == first
    twice = [one["partialFingerprints"]["primaryLocationLineHash"] for one in run_of([finding(1), finding(1)])["results"]]
    assert [mark.partition(":")[2] for mark in twice] == ["1", "2"]


def test_what_the_base_has_is_told_apart() -> None:
    old = frozenset([Sightings().mark(finding(1))])
    assert [one["baselineState"] for one in run_of([finding(1), finding(1), finding(2)], old=old)["results"]] == ["unchanged", "new", "new"]
    assert "baselineState" not in run_of([finding(1)])["results"][0]


@pytest.mark.parametrize("file", ["a b.yaml", "javascript:x.yaml", "ä/ü?.yaml", "a%2Fb#c.yaml", "x\udcffy.yaml", "//host/x.yaml", HOSTILE])
def test_uris_are_relative_and_name_the_file(file: str) -> None:
    (result,) = run_of([replace(finding(), position=Position(file), related=())], prefix="estate/")["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert (urlsplit(uri).scheme, urlsplit(uri).netloc, urlsplit(uri).query, urlsplit(uri).fragment) == ("", "", "", "")
    assert unquote(uri, errors="surrogateescape") == f"estate/{file}"


def test_the_estate_as_a_whole_has_a_place() -> None:
    whole = replace(finding(), position=Position("."), related=())
    for prefix, uri in (("", "."), ("estate/", "estate")):
        (result,) = run_of([whole], prefix=prefix)["results"]
        assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_no_message_is_a_format_string_or_a_link() -> None:
    (result,) = run_of([replace(finding(), message="{0} [x](https://x.example) \x1b", hint="")])["results"]
    assert result["message"]["text"] == "{{0}} [x] (https://x.example) \\x1b"


def test_an_end_that_is_no_end_is_left_out() -> None:
    (result,) = run_of([replace(finding(), position=Position("a.yaml", 3, 5, 5))])["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 3, "startColumn": 5}


def test_related_places_have_a_limit() -> None:
    many = replace(finding(), related=tuple(Position("a.yaml", number + 1) for number in range(2000)))
    assert len(run_of([many])["results"][0]["relatedLocations"]) == 99


@pytest.mark.parametrize(("found", "kept"), [(MOST_RESULTS, MOST_RESULTS), (MOST_RESULTS + 1, MOST_RESULTS)])
def test_the_worst_are_kept_and_the_rest_is_told(found: int, kept: int) -> None:
    information = [finding(number, severity=Severity.INFORMATION) for number in range(found - 2)]
    run = run_of([*information, finding(found, severity=Severity.WARNING), finding(found + 1)])
    assert len(run["results"]) == kept
    assert [one["level"] for one in run["results"][:3]] == ["error", "warning", "note"]
    notes = [note["message"]["text"] for note in run["invocations"][0].get("toolExecutionNotifications", [])]
    expected = "1 of 25,001 findings are left out, the least severe ones: code scanning takes no more. reconcile lint shows all."
    assert notes == ([expected] if found > kept else [])


def test_what_cannot_be_compressed_stays_within_ten_megabytes() -> None:
    chance = random.Random(7)
    letters = string.ascii_letters + string.digits
    found = [replace(finding(number), message="".join(chance.choices(letters, k=1900)), hint="") for number in range(9000)]
    text = "".join(sarif(found, facts(), version="0.1.0"))
    document = json.loads(text)
    assert len(gzip.compress(text.encode(), 6)) < 10_000_000
    assert len(document["runs"][0]["results"]) < len(found)
    assert "are left out" in document["runs"][0]["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]
    assert MOST_COMPRESSED < 10_000_000


def test_nothing_is_kept_while_it_is_written() -> None:
    found = [finding(number) for number in range(5000)]
    known = facts()
    tracemalloc.start()
    try:
        for piece in sarif(found, known, version="0.1.0"):
            assert len(piece) < 5000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_500_000, peak
