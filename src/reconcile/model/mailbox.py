"""The mailbox of a user or queue, or a forward mailbox.

Fields follow the mailbox form and table of the product (Power Platform: "Create forward mailboxes or edit mailboxes";
Dataverse table reference: "Mailbox").
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, Field

from reconcile.model.document import Document, Group, SecretField, Spec, Strict, required, setting
from reconcile.model.problem import Problem
from reconcile.model.text import Address, Instant, Line, SetOf, Slug

MailboxType: TypeAlias = Literal["user", "queue", "forward"]
IncomingMethod: TypeAlias = Literal["none", "outlook", "server-side", "forward-mailbox"]
OutgoingMethod: TypeAlias = Literal["none", "outlook", "server-side"]
SynchronizationMethod: TypeAlias = Literal["none", "outlook", "server-side"]
Filter: TypeAlias = Literal["all", "replies", "known-senders", "email-enabled", "none"]


class MailboxCredentials(Group):
    """Used where the profile takes the credentials of the user or queue."""

    allow_use: bool = setting("Consent to use the credentials below for processing mail.", default=False)
    username: Line | None = setting("User name of the mailbox account.", max_length=200, examples=("sales@contoso.example",))
    password: SecretField | None = setting("Password of the mailbox account, by reference.", examples=("env:SALES_PASSWORD",))
    refresh_token: SecretField | None = setting("OAuth refresh token of a Gmail account, by reference.")


class SharedFacts(Group):
    """What no column of the product holds, but rules need to know. Never written to a target of the product."""

    location: Literal["exchange-online", "on-premises", "external"] | None = setting(
        "Where the mailbox lives: Exchange Online, an Exchange server on-premises, or somebody else's system."
    )
    mfa: bool | None = setting("Whether the mailbox account needs a second factor.")
    bulk_mailing: bool | None = setting("Whether mass mailings are sent from this mailbox, which the product does not support.")
    synchronized_elsewhere: Literal["none", "outlook", "email-router"] | None = setting(
        "Whether Outlook or the Email Router also synchronises this mailbox outside this estate."
    )


class MailboxFacts(SharedFacts):
    """Facts of one mailbox: also those that assignments select by."""

    business_unit: Line | None = setting(
        "Business unit the mailbox belongs to, as assignments select it; the product's own column is only read.",
        max_length=160,
        examples=("Vertrieb Süd",),
    )
    groups: Annotated[tuple[Line, ...], Field(strict=False), SetOf] | None = setting(
        "Groups the mailbox belongs to, as assignments select them.", examples=(["field-service"],)
    )


class MailboxIdentity(Spec):
    """What tells a mailbox from all others."""

    display_name: Line | None = setting(
        "Name the product shows; 1 to 200 characters, no control characters.",
        derived="the e-mail address",
        max_length=200,
        examples=("Verkauf Süd",),
    )
    email_address: Address = required("Address of the mailbox; the domain is compared without case.", examples=("sales@contoso.example",))
    type: MailboxType = setting("Whom the mailbox belongs to: a user, a queue, or nobody (forward mailbox).", default="user")


class MailboxSettings(Strict):
    """What many mailboxes have in common: an assignment can give each of these fields."""

    owner: Line | None = setting("User or team that owns the mailbox, as the target names it.", max_length=320)
    state: Literal["active", "inactive"] = setting("An inactive mailbox is not processed.", default="active")
    profile: Slug | None = setting("metadata.name of the email server profile the mailbox uses.", examples=("exchange",))
    incoming: IncomingMethod = setting("How mail reaches the system.", default="none", examples=("server-side",))
    outgoing: OutgoingMethod = setting("How mail leaves the system; always none on a forward mailbox.", default="none")
    appointments_contacts_tasks: SynchronizationMethod = setting(
        "How appointments, contacts and tasks are synchronised; user mailboxes only.", default="none"
    )
    process_email_from: Instant | None = setting(
        "Mail received before this instant is not processed; the later of this and the profile's date counts.",
        examples=("2026-01-01",),
    )
    delete_after_processing: bool = setting("Delete mail at the server once it is stored; queue and forward mailboxes only.", default=False)
    send_as: Annotated[tuple[Slug, ...], Field(strict=False), SetOf] | None = setting(
        "metadata.name of the mailboxes whose owners may send as this mailbox; its owner's consent.", examples=(["sales-team"],)
    )
    filter: Filter | None = setting("Which incoming mail is tracked; omitted leaves the choice to the user.", examples=("all",))
    facts: SharedFacts = setting("Facts the product has no column for.", default=SharedFacts.model_construct())


def _tracked_folder(text: str) -> str:
    from reconcile.model.tracked_folder import read_folder

    read_folder(text)
    return text


#: See `model.tracked_folder`.
FolderLine: TypeAlias = Annotated[Line, AfterValidator(_tracked_folder)]


class MailboxSpec(MailboxSettings, MailboxIdentity):
    """One mailbox."""

    tracked_folders: Annotated[tuple[FolderLine, ...], Field(strict=False, max_length=25), SetOf] | None = setting(
        "Folders below the inbox whose mail is tracked whatever the filter says, one a line: FOLDER, or FOLDER = TYPE:ID[:NAME] with the"
        " record that their mail is about. User mailboxes at Exchange only; tracking.folderTracking of the Organization allows it.",
        examples=(["Projects/Fabrikam = account:4711:Fabrikam"],),
    )
    credentials: MailboxCredentials = setting("Credentials of the mailbox itself.", default=MailboxCredentials.model_construct())
    facts: MailboxFacts = setting("Facts the product has no column for.", default=MailboxFacts.model_construct())


class Mailbox(Document):
    """A mailbox that is synchronised."""

    kind: Literal["Mailbox"] = required("Mailbox.")
    spec: MailboxSpec = required("What is wanted.")


#: The fields that `problems` looks at.
COMBINED: Final = ("type", "incoming", "outgoing", "appointmentsContactsTasks", "deleteAfterProcessing", "trackedFolders")


def problems(spec: MailboxSpec) -> Iterator[Problem]:
    """Combinations the product refuses."""
    if spec.type == "forward":
        if spec.outgoing != "none":
            yield Problem("outgoing", "a forward mailbox sends nothing: outgoing is none")
        if spec.incoming == "forward-mailbox":
            yield Problem("incoming", "a forward mailbox cannot itself receive through a forward mailbox: use server-side or none")
        if spec.incoming == "outlook":
            yield Problem("incoming", "a forward mailbox is read server-side or not at all")
    if spec.type == "user" and spec.delete_after_processing:
        yield Problem("deleteAfterProcessing", "mail of a user mailbox is never deleted: only queue and forward mailboxes may say true")
    if spec.type != "user" and spec.appointments_contacts_tasks != "none":
        yield Problem("appointmentsContactsTasks", f"a {spec.type} mailbox has no appointments, contacts and tasks: only none fits")
    if spec.tracked_folders:
        from reconcile.model.tracked_folder import named_twice

        if spec.type != "user":
            yield Problem("trackedFolders", f"folders of a {spec.type} mailbox are not tracked: only user mailboxes may have some")
        if twice := named_twice(spec.tracked_folders):
            yield Problem("trackedFolders", f"folder {twice!r} stands there twice: its mail is about one record")
    if spec.type == "queue":
        for name, value in (("incoming", spec.incoming), ("outgoing", spec.outgoing)):
            if value == "outlook":
                yield Problem(name, "a queue has no Outlook: use server-side or none")
