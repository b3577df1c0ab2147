"""The regular expression that takes noise such as RE: from the beginning of a subject before subjects are compared.

A declared expression meets subjects that anybody may write, so it runs in an engine without backtracking (Rust's regex, which pydantic
brings; its time grows with the subject only). That engine tells whether, not where: what is cut is the longest beginning of the
subject that the expression matches as a whole.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

#: The product's expression (Power Platform: "Use email message filtering and correlation"): words with a colon, such as RE: and FW:.
USUAL: Final = r"^[\s]*([\w]+\s?:[\s]*)+"
#: Characters of a subject that are looked at.
LONGEST: Final = 400
_USUAL = re.compile(USUAL)


def without_noise(subject: str, expression: str = "") -> str:
    """`expression` "" is the product's. Raises ValueError saying what is wrong with it."""
    bounded = subject[:LONGEST].encode("utf-8", "replace").decode("utf-8")
    if expression in ("", USUAL):
        # Each repetition ends with its colon and nothing follows them, so there is nothing to go back for.
        return _USUAL.sub("", bounded)
    beginning = _beginning(expression)
    end = next((end for end in range(len(bounded), 0, -1) if beginning.isinstance_python(bounded[:end])), 0)
    return bounded[end:]


def check_expression(expression: str) -> str:
    """The expression. Raises ValueError saying what is wrong with it."""
    without_noise("", expression)
    if not expression.startswith("^"):
        raise ValueError("a filter of subjects starts with ^: only the beginning of a subject is cut")
    return expression


@lru_cache(maxsize=4)
def _beginning(expression: str) -> SchemaValidator:
    from pydantic_core import SchemaError, SchemaValidator, core_schema

    try:
        return SchemaValidator(core_schema.str_schema(pattern=rf"\A(?:{expression})\z", regex_engine="rust-regex"))
    except SchemaError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        why = next((line.removeprefix("error: ") for line in lines if line.startswith("error: ")), lines[-1] if lines else "it is not read")
        raise ValueError(f"not a regular expression that runs in linear time ({why}); leave out look-around and backreferences") from error
