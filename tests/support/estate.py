"""Small estates: as texts in memory, or as folders, and what loading says about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from reconcile.desired.documents import DocumentCache
from reconcile.desired.lint import LintResult, lint
from reconcile.desired.load import LoadResult, load
from reconcile.model.finding import Finding
from reconcile.ports.source import Listing, Source, SourceFile
from reconcile.report.findings_text import findings_text, summary

ENVIRONMENT = """\
apiVersion: reconcile/v1alpha2
kind: Environment
metadata: {name: test}
spec: {timeZone: Europe/Berlin, variables: {domain: contoso.example, port: 993}}
"""

#: Reserved names are no servers that anybody tested; where that is not the point, nothing is said about it.
QUIET = """\
apiVersion: reconcile/v1alpha2
kind: PolicySettings
metadata: {name: quiet}
spec: {rules: {mail-server-listed: {enabled: false}}}
"""

PROFILE = """\
apiVersion: reconcile/v1alpha2
kind: EmailServerProfile
metadata: {name: contoso}
spec:
  displayName: Contoso
  serverType: imap-smtp
  incoming: {protocol: imap, server: imap.contoso.example, port: 993, tls: implicit}
  outgoing: {protocol: smtp, server: smtp.contoso.example, port: 587, tls: starttls}
"""


def mailbox(name: str = "sales", address: str = "", profile: str = "contoso", more: str = "") -> str:
    """A mailbox document; `more` are further lines of its spec, indented by two."""
    return (
        f"apiVersion: reconcile/v1alpha2\nkind: Mailbox\nmetadata: {{name: {name}}}\nspec:\n"
        f"  emailAddress: {address or name + '@contoso.example'}\n  type: queue\n  profile: {profile}\n{more}"
    )


@dataclass
class Texts:
    """`Source` in memory. `reads` counts how often each file was read."""

    files: Mapping[str, str | bytes]
    order: Iterable[str] | None = None
    reads: dict[str, int] = field(default_factory=dict)
    label: str = "memory"
    revision: str = ""

    def list(self) -> Listing:
        paths = sorted(self.files) if self.order is None else [*self.order]
        return Listing(files=tuple(SourceFile(path, f"memory:{self.data(path)!r}", len(self.data(path))) for path in paths), findings=())

    def read(self, files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes | Finding]]:
        for file in files:
            self.reads[file.path] = self.reads.get(file.path, 0) + 1
            yield file, self.data(file.path)

    def octets(self, path: str) -> bytes | None:
        return self.data(path) if path in self.files else None

    def data(self, path: str) -> bytes:
        content = self.files[path]
        return content.encode() if isinstance(content, str) else content


def load_texts(
    files: Mapping[str, str | bytes],
    *,
    environment: str | None = None,
    order: Iterable[str] | None = None,
    cache: DocumentCache | None = None,
) -> LoadResult:
    """Load from texts."""
    return load_source(Texts(files, order), environment=environment, cache=cache)


def load_source(source: Source, *, environment: str | None = None, cache: DocumentCache | None = None) -> LoadResult:
    """Load from any source."""
    listing = source.list()
    return load(
        listing.files, listing.findings, source.read, environment=environment, source=source.label, revision=source.revision, cache=cache
    )


def lint_source(source: Source, *, environment: str | None = None) -> LintResult:
    """Lint any source."""
    listing = source.list()
    return lint(listing.files, listing.findings, source.read, environment=environment, source=source.label, revision=source.revision)


def report(source: Source, *, environment: str | None = None, columns: int = 100) -> str:
    """What a person sees of `lint`, and what `load` would then hold."""
    listing = source.list()
    known = {file.path: file for file in listing.files}

    def contents(path: str) -> bytes | None:
        content = next((content for _, content in source.read([known[path]])), None) if path in known else None
        return content if isinstance(content, bytes) else None

    linted = lint_source(source, environment=environment)
    blocks = [*findings_text(linted.findings, contents, color=False, columns=columns), summary(linted.findings, files=linted.files)]
    loaded = load_source(source, environment=environment)
    if loaded.desired is None:
        blocks.append("desired: none")
    else:
        lines = [f"desired: {', '.join(map(str, loaded.desired.resources))}"]
        lines += [f"held: {key}: {reason}" for key, reason in loaded.desired.held.items()]
        lines += [f"held file: {path}: {reason}" for path, reason in loaded.desired.held_files.items()]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") + "\n"
