"""The project around the code: requirements, documentation, and what must never be in a public repository."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor

from reconcile.cli.main import COMMANDS
from support.tree import PACKAGE, ROOT, texts

REQUIREMENTS = ("requirements.txt", "requirements-build.txt", "requirements-dev.txt")

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)(?: ; [^\\]+)? \\$")
_HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")
_MACHINE_PATH = re.compile(r"(?<![\w.~)}])/(?:work|root|home/\w+|Users/\w+)/\w")
_REGISTRY = re.compile(
    r"\b(?:pypi?\.org|pythonhosted\.org|npmj[s]\.|artifac[t]ory|nex[u]s/repository)|--(?:extra-)?index-[u]rl[ =]", re.IGNORECASE
)
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\((?P<to>[^)\s]+)\)")
_HEADING = re.compile(r"^#+\s+(?P<text>.+?)\s*$", re.MULTILINE)


def _pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return {_normal(match["name"]): match["version"] for line in lines if (match := _PIN.match(line))}


def _normal(name: str) -> str:
    """Names of packages compare without case and with one kind of dash (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _wanted(specifications: list[str]) -> set[str]:
    return {_normal(re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0]) for text in specifications}


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_requirements_hold_pins_and_hashes_and_nothing_else(name: str) -> None:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    assert [line for line in lines if not (_PIN.match(line) or _HASH.match(line))] == []
    assert [line for line, following in zip(lines, [*lines[1:], ""], strict=True) if _PIN.match(line) and not _HASH.match(following)] == []


def test_requirements_cover_what_the_project_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    runtime, development = _wanted(project["project"]["dependencies"]), _wanted(project["project"]["optional-dependencies"]["dev"])
    building = _wanted(project["build-system"]["requires"])
    assert runtime - _pins("requirements.txt").keys() == set()
    assert building - _pins("requirements-build.txt").keys() == set()
    assert (runtime | development) - _pins("requirements-dev.txt").keys() == set()


def test_requirements_agree_with_each_other() -> None:
    developing = _pins("requirements-dev.txt")
    assert _pins("requirements.txt").items() <= developing.items()
    assert {name: version for name, version in _pins("requirements-build.txt").items() if developing.get(name, version) != version} == {}


def test_no_paths_of_somebodys_machine() -> None:
    found = [f"{path}: {match[0]}" for path, text in texts() for match in _MACHINE_PATH.finditer(text)]
    assert found == []


def test_no_package_registry_is_named() -> None:
    found = [f"{path}: {match[0]}" for path, text in texts() for match in _REGISTRY.finditer(text)]
    assert found == []


# The dots are taken out before matching, so that this file passes its own checks.
@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (_MACHINE_PATH, "see /ro·ot/estate"),
        (_MACHINE_PATH, "'/ho·me/somebody/estate'"),
        (_MACHINE_PATH, "=/wo·rk/main"),
        (_REGISTRY, "https://py·pi.org/simple"),
        (_REGISTRY, "--index-·url https://mirror.contoso.example"),
        (_REGISTRY, "--extra-index-·url=file:///packages"),
    ],
)
def test_what_must_not_be_there_would_be_found(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.search(text.replace("·", ""))


@pytest.mark.parametrize("text", ["desired/ro·ot/x", "src/ro·ot/x", "${HOME}/ro·ot/x", "~/ro·ot/x", "file:reconcile.key", "/etc/reconcile"])
def test_harmless_paths_are_left_alone(text: str) -> None:
    assert not _MACHINE_PATH.search(text.replace("·", ""))


@pytest.mark.parametrize("line", ["name>=1.0 \\", "name==1.0", "--find-links x", "-e .", "name @ file:x", "    --hash=md5:00"])
def test_what_is_no_pin_is_not_taken_for_one(line: str) -> None:
    assert not _PIN.match(line)
    assert not _HASH.match(line)


def test_every_command_has_its_page_and_every_page_its_command() -> None:
    pages = {page.stem for page in (ROOT / "docs" / "commands").glob("*.md")}
    assert pages == set(COMMANDS)


def test_every_command_page_shows_the_command() -> None:
    silent = [name for name in COMMANDS if f"reconcile {name}" not in (ROOT / "docs" / "commands" / f"{name}.md").read_text("utf-8")]
    assert silent == []


def _documents() -> list[str]:
    paths = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(path.relative_to(ROOT).as_posix() for path in paths)


def _anchors(text: str) -> set[str]:
    """Headings as the usual renderers turn them into anchors: small letters, blanks to dashes, no punctuation."""
    return {re.sub(r"[^\w\- ]", "", match["text"].lower()).replace(" ", "-") for match in _HEADING.finditer(text)}


@pytest.mark.parametrize("document", _documents())
def test_every_relative_link_leads_somewhere(document: str) -> None:
    path = ROOT / document
    broken = []
    for match in _LINK.finditer(_without_code(path.read_text("utf-8"))):
        target, _, anchor = match["to"].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        there = (path.parent / target).resolve() if target else path
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in _anchors(there.read_text("utf-8"))):
            broken.append(match["to"])
    assert broken == []


def _without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def test_every_document_is_reachable_from_the_index() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md", ROOT / "docs" / "index.md"]
    while waiting:
        path = waiting.pop().resolve()
        if path in seen or path.suffix != ".md" or not path.exists():
            continue
        seen.add(path)
        links = (match["to"].partition("#")[0] for match in _LINK.finditer(_without_code(path.read_text("utf-8"))))
        waiting += [path.parent / link for link in links if link and not re.match(r"[a-z]+:", link)]
    unreachable = [document for document in _documents() if (ROOT / document).resolve() not in seen]
    assert unreachable == [], "link them from docs/index.md"


def test_settings_are_documented_and_nothing_else_is() -> None:
    variable = re.compile(r"\bRECONCILE_[A-Z_]*[A-Z]\b")
    read = {name for path in PACKAGE.rglob("*.py") for name in variable.findall(path.read_text("utf-8"))}
    documented = set(variable.findall((ROOT / "docs" / "settings.md").read_text("utf-8")))
    assert documented == read


def test_make_targets_that_are_written_about_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    written = {name for document in _documents() for name in re.findall(r"\bmake ([a-z-]+)`", (ROOT / document).read_text("utf-8"))}
    assert written - targets == set()
    assert written


def _examples() -> list[tuple[str, str]]:
    """Documents of an estate that README and documentation show in full."""
    found = []
    for document in _documents():
        blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / document).read_text("utf-8"), re.DOTALL | re.MULTILINE)
        found += [
            (f"{document}, example {number}", block) for number, block in enumerate(blocks, 1) if block.startswith(("apiVersion:", "#"))
        ]
    return found


def test_there_are_examples() -> None:
    assert "README.md, example 1" in dict(_examples())


class _TextualDates(SafeConstructor):
    """Dates stay text, as in the core schema of YAML 1.2."""


_TextualDates.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)


@pytest.mark.parametrize(("name", "text"), _examples())
def test_examples_of_the_documentation_fit_the_schema(name: str, text: str) -> None:
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _TextualDates
    schema = json.loads((ROOT / "schemas" / "reconcile.schema.json").read_text("utf-8"))
    for document in yaml.load_all(text):
        assert [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(document)] == []


def test_the_page_on_pull_requests_shows_the_workflow_that_init_writes() -> None:
    workflow = (ROOT / "src" / "reconcile" / "cli" / "starter" / "workflow.yml").read_text("utf-8")
    assert f"```yml\n{workflow}```" in (ROOT / "docs" / "pull-requests.md").read_text("utf-8")
