"""What a finding is recognised by in the next run, whatever lines were added above it and however its words changed. Pure."""

from __future__ import annotations

import hashlib

from reconcile.model.finding import Finding


def fingerprint(finding: Finding) -> str:
    """32 hexadecimal digits over rule, object and path; a finding about no resource is told by its file instead."""
    about = str(finding.resource) if finding.resource is not None else finding.position.file
    said = "\0".join((finding.rule, about, finding.path))
    return hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest()[:32]
