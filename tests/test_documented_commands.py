"""Every command line that the documentation shows is one that the program takes."""

from __future__ import annotations

import contextlib
import re
import shlex
from pathlib import Path

import click
import pytest

from reconcile.cli.main import reconcile

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "src/reconcile/cli/starter").rglob("readme.md")),
]
_FENCED = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"^(?:    )?(?:\$ )?(?:\.venv/bin/)?(reconcile [a-z-][^\n]*)", re.MULTILINE)
_IN_A_SENTENCE = re.compile(r"`(?:\.venv/bin/)?(reconcile [a-z-][^`\n]*)`")


def words_of(line: str) -> tuple[str, ...]:
    """As a shell reads it, without comment, pipe and redirections."""
    reader = shlex.shlex(line, posix=True, punctuation_chars="|<>")
    reader.whitespace_split = True
    words: list[str] = []
    for word in reader:
        if word in ("|", "<", ">", "2>"):
            break
        words.append(word)
    return tuple(words[1:])


def blocks() -> list[tuple[str, tuple[str, ...]]]:
    """(page, words) of each command line that stands by itself."""
    found = []
    for page in PAGES:
        text = page.read_text("utf-8")
        outside = _FENCED.sub("", text)
        alone = "\n".join([*_FENCED.findall(text), *re.findall(r"(?m)^    reconcile .*", outside)])
        found += [(page.name, words_of(line)) for line in _COMMAND.findall(alone) if not re.match(r"reconcile [\d.]+$", line)]
    return found


def mentions() -> list[tuple[str, tuple[str, ...]]]:
    """(page, words) of each command line inside a sentence."""
    return [
        (page.name, words_of(line.replace("\\|", "|")))
        for page in PAGES
        for line in _IN_A_SENTENCE.findall(_FENCED.sub("", page.read_text("utf-8")))
    ]


def command_of(words: tuple[str, ...]) -> tuple[click.Context, tuple[str, ...]]:
    """The command's context, not parsed yet, and what is left for it."""
    context = click.Context(reconcile, info_name="reconcile")
    while isinstance(context.command, click.Group) and words and not words[0].startswith("-"):
        inner = context.command.get_command(context, words[0])
        assert inner is not None, f"there is no command {words[0]}"
        context, words = click.Context(inner, info_name=inner.name, parent=context), words[1:]
    return context, words


def test_many_are_found() -> None:
    assert len(blocks()) > 40
    assert len(mentions()) > 20


@pytest.mark.parametrize(("page", "words"), blocks())
def test_the_program_takes_what_stands_by_itself(
    page: str, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    context, left = command_of(words)
    monkeypatch.chdir(tmp_path)
    for word in left:
        if re.fullmatch(r"[\w.-]+\.(?:json|pdf|eml)", word):
            Path(word).write_text("")  # the reader has it
    with contextlib.suppress(click.exceptions.Exit):  # --help and --version end at once
        context.command.make_context(context.info_name, list(left), parent=context.parent)


@pytest.mark.parametrize(("page", "words"), mentions())
def test_what_a_sentence_names_exists(page: str, words: tuple[str, ...]) -> None:
    context, left = command_of(words)
    known = {name for parameter in context.command.get_params(context) for name in parameter.opts}
    assert {word.partition("=")[0] for word in left if word.startswith("-")} <= known, page
