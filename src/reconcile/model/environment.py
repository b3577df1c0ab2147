"""What is applied together: a target, its pinned identity, variables, layers, and who may be mailed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from reconcile.model.document import Document, FieldPatterns, Group, Spec, required, setting
from reconcile.model.problem import Problem
from reconcile.model.text import Duration, Folder, Recipient, SetOf, TimeZone, Uuid

VARIABLE_NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]*$"
#: A scalar that takes the value of a variable as a whole.
VARIABLE_PATTERN = r"^\$\{[A-Za-z][A-Za-z0-9_-]*\}$"

VariableName = Annotated[str, StringConstraints(pattern=VARIABLE_NAME_PATTERN)]


class TargetSettings(Group):
    """Where configuration is applied."""

    type: Literal["engine", "memory", "snapshot"] = setting(
        "engine: our own database and sync engine; snapshot: an export of the product, read only; memory: forgotten at the end, "
        "for trials.",
        default="engine",
    )
    path: Folder | None = setting(
        "Of a snapshot: the export, a JSON file or a folder of them, relative to the root of the estate.", examples=("exports/prod.json",)
    )


class IgnoredFields(Group):
    """Fields that are owned elsewhere, for every resource of a kind."""

    mailbox: FieldPatterns | None = setting("Of mailboxes.", alias="Mailbox", examples=(["owner"],))
    email_server_profile: FieldPatterns | None = setting("Of email server profiles.", alias="EmailServerProfile")
    organization: FieldPatterns | None = setting("Of the organization.", alias="Organization")


class BulkDeleteLimit(Group):
    """More of the rows that are ours than the larger of the two stops the plan."""

    count: int | None = setting("Rows deleted, made inactive or given another profile.", derived="3", ge=0, le=2**31 - 1)
    percent: int | None = setting("The same as a share of the rows that are ours.", derived="10", ge=0, le=100)


class BulkUpdateLimit(Group):
    """More of the rows that are ours than the larger of the two stops the plan."""

    count: int | None = setting("Rows updated.", derived="20", ge=0, le=2**31 - 1)
    percent: int | None = setting("The same as a share of the rows that are ours.", derived="30", ge=0, le=100)


class ItemDeletionLimit(Group):
    """More deletions in one look at a mailbox than the larger of the two are not carried over to the other side."""

    count: int | None = setting(
        "Appointments, contacts or tasks of one mailbox that one look deletes or parts.", derived="10", ge=0, le=2**31 - 1
    )
    percent: int | None = setting("The same as a share of those the mailbox is linked with.", derived="10", ge=0, le=100)


class Brakes(Group):
    """How much one plan, or one look at a mailbox, may change before a person has to lift a brake by name."""

    bulk_delete: BulkDeleteLimit = setting("Deleted, made inactive, given another profile.", default=BulkDeleteLimit.model_construct())
    bulk_update: BulkUpdateLimit = setting("Updated.", default=BulkUpdateLimit.model_construct())
    item_deletions: ItemDeletionLimit = setting(
        "Appointments, contacts and tasks that are deleted on one side and would go on the other.",
        default=ItemDeletionLimit.model_construct(),
    )


def _at_least_a_day(value: timedelta) -> timedelta:
    if value < timedelta(days=1):
        raise ValueError("what is kept less than a day is hardly meant: write a day or more, such as 730d")
    return value


Retained = Annotated[Duration, AfterValidator(_at_least_a_day)]


class Retention(Group):
    """How long mail, and what calendars hold, is kept. What is older is purged for good, and is not brought in."""

    mail: Retained | None = setting(
        "Tracked mail, from when it was received; omitted means for ever.", examples=("730d",), derived="for ever"
    )
    outgoing: Retained | None = setting(
        "Outgoing mail, from when it was sent or failed for good; omitted means for ever.", examples=("365d",), derived="for ever"
    )
    items: Retained | None = setting(
        "Appointments from their end, completed and canceled tasks and inactive contacts from their last edit; omitted means for ever. "
        "Items in mailboxes stay.",
        examples=("1095d",),
        derived="for ever",
    )


class EnvironmentSpec(Spec):
    """One environment."""

    target: TargetSettings = setting("Where configuration is applied.", default=TargetSettings.model_construct())
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
    layers: Annotated[tuple[Folder, ...], Field(strict=False)] | None = setting(
        "Folders that belong to the environment, relative to the root of the estate; what stands in a later one is laid over what an "
        "earlier one says of the same kind and name. Omitted means the whole tree, as one layer.",
        examples=(["base", "environments/production"],),
    )
    allowed_recipients: Annotated[tuple[Recipient, ...], Field(strict=False), SetOf] | None = setting(
        'Who may be mailed: addresses, domains such as @contoso.example, or "*" for everybody; omitted means nobody.',
        examples=(["@contoso.example"],),
    )
    allowed_senders: Annotated[tuple[Recipient, ...], Field(strict=False), SetOf] | None = setting(
        'Who may send: addresses, domains such as @contoso.example, or "*"; omitted means every mailbox of the environment.',
        examples=(["@contoso.example"],),
    )
    ignore: IgnoredFields = setting(
        "Fields that are owned elsewhere, by kind; as management.ignore of each document.", default=IgnoredFields.model_construct()
    )
    retention: Retention = setting("How long mail and items are kept.", default=Retention.model_construct())
    brakes: Brakes = setting("How much may change at once.", default=Brakes.model_construct())


class Environment(Document):
    """What is applied together."""

    kind: Literal["Environment"] = required("Environment.")
    spec: EnvironmentSpec = required("What is wanted.")


def problems(spec: EnvironmentSpec) -> Iterator[Problem]:
    """A snapshot is somewhere, anything else is not a file."""
    if spec.target.type == "snapshot" and spec.target.path is None:
        yield Problem("target.type", "a snapshot is read from an export: write path beside type, such as path: exports/prod.json")
    if spec.target.type != "snapshot" and spec.target.path is not None:
        yield Problem("target.path", f"only a snapshot has a path, not a target of type {spec.target.type}")
