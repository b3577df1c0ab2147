"""What is applied together: a target, its pinned identity, variables, folders, and who may be mailed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from reconcile.model.document import Document, Group, Spec, required, setting
from reconcile.model.text import Folder, Recipient, SetOf, TimeZone, Uuid

VARIABLE_NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]*$"
#: A scalar that takes the value of a variable as a whole.
VARIABLE_PATTERN = r"^\$\{[A-Za-z][A-Za-z0-9_-]*\}$"

VariableName = Annotated[str, StringConstraints(pattern=VARIABLE_NAME_PATTERN)]


class TargetSettings(Group):
    """Where configuration is applied."""

    type: Literal["engine", "memory"] = setting(
        "engine: our own database and sync engine; memory: forgotten at the end, for trials.", default="engine"
    )


class EnvironmentSpec(Spec):
    """One environment."""

    target: TargetSettings = setting("Where configuration is applied.", default=TargetSettings())
    organization_id: Uuid | None = setting(
        "Id of the organization this environment is pinned to; a target that shows another one is refused.",
        examples=("22222222-3333-4444-8555-666666666666",),
    )
    tenant_id: Uuid | None = setting("Id of the tenant the organization belongs to.", examples=("11111111-2222-4333-8444-555555555555",))
    time_zone: TimeZone = setting(
        "IANA zone of dates and times that are written without an offset.", default="UTC", examples=("Europe/Berlin",)
    )
    variables: dict[VariableName, str | int | bool] = setting(
        "Values for ${name} in other documents; the whole scalar keeps its type, inside text it is inserted.",
        default={},
        examples=({"domain": "contoso.example"},),
    )
    folders: Annotated[tuple[Folder, ...], Field(strict=False)] | None = setting(
        "Folders that belong to the environment, relative to the root of the estate; omitted means all.", examples=(["base", "production"],)
    )
    allowed_recipients: Annotated[tuple[Recipient, ...], Field(strict=False), SetOf] | None = setting(
        'Who may be mailed: addresses, domains such as @contoso.example, or "*" for everybody; omitted means nobody.',
        examples=(["@contoso.example"],),
    )


class Environment(Document):
    """What is applied together."""

    kind: Literal["Environment"] = required("Environment.")
    spec: EnvironmentSpec = required("What is wanted.")
