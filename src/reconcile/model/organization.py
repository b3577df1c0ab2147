"""The settings of an organization that steer its mail.

Names of fields follow the system settings and environment database settings of the product (Power Platform: "System
Settings dialog box, Email tab"; "Environment database settings"). Settings that only steer appointments, contacts and tasks are left out,
but for those that lose data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, StringConstraints

from reconcile.model.document import Document, Group, Spec, required, setting
from reconcile.model.mailbox import SynchronizationMethod
from reconcile.model.problem import Problem
from reconcile.model.text import Address, Domain, Duration, Extension, Line, MimeType, SetOf, Slug, span

_LARGE = 2**31 - 1


class ApprovalSettings(Group):
    """Whose mail is processed only after the address was approved."""

    require_for_users: bool | None = setting("Process mail only for users whose address was approved.")
    require_for_queues: bool | None = setting("Process mail only for queues whose address was approved.")
    require_privilege_for_own_address: bool | None = setting("Approving one's own address needs the approval privilege.")
    require_test: bool | None = setting("Process mail only for mailboxes that were tested and enabled; false: applying enables.")


class DefaultSettings(Group):
    """What the product gives a new mailbox."""

    profile: Slug | None = setting("metadata.name of the email server profile new mailboxes get.", examples=("exchange",))
    incoming: Literal["none", "outlook", "server-side", "forward-mailbox"] | None = setting("How mail reaches a new mailbox.")
    outgoing: Literal["none", "outlook", "server-side"] | None = setting("How mail leaves a new mailbox.")
    appointments_contacts_tasks: SynchronizationMethod | None = setting(
        "How appointments, contacts and tasks of a new mailbox are synchronised."
    )


def _prefix(text: str) -> str:
    if text != text.strip() or not text.strip("0123456789"):
        raise ValueError("a prefix has something else than digits, and no space at its ends: it would be found in any subject")
    return text


#: One line that tells a token from other text.
Prefix: TypeAlias = Annotated[Line, StringConstraints(min_length=1, max_length=20), AfterValidator(_prefix)]


class TrackingToken(Group):
    """The text in a subject by which a reply is recognised."""

    enabled: bool | None = setting("Write a token into the subject of outgoing mail, and look for one in incoming mail.")
    prefix: Prefix | None = setting("Prefix of the token, 1 to 20 characters.", examples=("CRM:",))
    former_prefixes: Annotated[tuple[Prefix, ...], Field(strict=False, max_length=20), SetOf] | None = setting(
        "Prefixes of tokens that are still recognised, beside `prefix`."
    )
    base_number: int | None = setting("Number the user part starts from; distinct per organization.", ge=0, le=_LARGE)
    user_digits: int | None = setting("Digits of the user part.", ge=1, le=10)
    message_digits: int | None = setting("Digits of the message counter.", ge=1, le=9)
    maximum_number: int | None = setting("Number after which the counter starts again.", ge=0, le=_LARGE)
    maximum_subject_length: int | None = setting("Length of a subject on the mail server with the token, in characters.", ge=255, le=400)


class TrackingSettings(Group):
    """Which mail becomes an activity, and what it is attached to."""

    correlation: bool | None = setting("Attach incoming mail to what it replies to.")
    token: TrackingToken = setting("The tracking token.", default=TrackingToken.model_construct())
    ignore_internal_email: bool | None = setting("Do not track mail between internal users and queues a second time.")
    do_not_ignore_internal_email_to_queues: bool | None = setting("Accept mail from users to queues even when internal mail is ignored.")
    ignore_internal_email_from_queues: bool | None = setting("Refuse mail from a queue to a user when the sent copy is already there.")
    improved_internal_email_detection: bool | None = setting("Use the better test for duplicates of internal mail.")
    do_not_auto_track_email: bool | None = setting("Stop automatic tracking, and offer the filter none.")
    auto_track_sent_items: bool | None = setting("Track the folder Sent Items too; Exchange only.")
    track_categorized_items: bool | None = setting("Track what carries the product's category; Exchange only.")
    folder_tracking: bool | None = setting("Track what is moved to a mapped folder; Exchange only.")
    maximum_folder_mappings: int | None = setting("Folders a user may map.", ge=1, le=25)
    hide_auto_track_options: bool | None = setting("Hide the wider choices of automatic tracking.")
    hide_track_all_option: bool | None = setting("Hide the choice to track everything.")
    ignore_thread_headers: bool | None = setting("Correlate without In-Reply-To and the conversation index.")
    correlate_by_references: bool | None = setting("Correlate by the References header too, which the product does not.")
    do_not_correlate_forwards_as_replies: bool | None = setting("Do not take a forwarded mail for a reply.")
    only_synchronizing_mailbox_decides: bool | None = setting(
        "Only the filter of the mailbox being processed decides, not those of other recipients."
    )
    force_filter_for_users: Literal["all", "replies", "known-senders", "email-enabled", "none", "off"] | None = setting(
        "One filter for every user mailbox; off leaves the choice to the user."
    )
    ignore_automatic_replies: bool | None = setting("Do not track automatic replies (RFC 3834), such as out-of-office notes.")
    ignore_copied_items: bool | None = setting("Do not import copies of items that are linked already.")
    skip_rights_managed_email: bool | None = setting("Skip rights-managed mail.")
    recipient_activity: bool | None = setting("Allow tracking whether recipients open sent mail.")


def _subject_filter(text: str) -> str:
    from reconcile.model.subject_filter import check_expression

    return check_expression(text) if text else text


class SmartMatching(Group):
    """Correlation by likeness of subject and recipients."""

    enabled: bool | None = setting("Use smart matching.")
    disabled_by_environment: bool | None = setting("Environment database setting that turns smart matching off whatever enabled says.")
    disable_hash_creation: bool | None = setting("Store no hashes for smart matching.")
    subject_filter: Annotated[str, Field(max_length=4000), AfterValidator(_subject_filter)] | None = setting(
        "Regular expression for what is cut from the beginning of subjects, such as RE:."
    )
    maximum_hashes: int | None = setting("Hashes kept of a subject or list of recipients.", ge=0, le=_LARGE)
    minimum_recipients: int | None = setting("Recipients that must agree.", ge=0, le=_LARGE)
    subject_difference: int | None = setting("Words by which subjects may differ.", ge=0, le=_LARGE)


class AddressResolution(Group):
    """How addresses become contacts, accounts, users and queues."""

    allow_unresolved_recipients: bool | None = setting("Send to addresses that belong to no row.")
    resolve_similar: bool | None = setting("Apply a resolution by hand to all equal addresses.")
    unresolve_recipients_on_multiple_match: bool | None = setting("Leave a recipient unresolved when several rows have the address.")
    unresolve_sender_on_multiple_match: bool | None = setting("Leave the sender unresolved when several rows have the address.")
    resolve_for_inactive: bool | None = setting("Environment database setting ResolveForInactiveEntities, for addresses of inactive rows.")
    create_contact_for_unknown_sender: bool | None = setting("Create a contact when mail of an unknown sender is tracked.")
    validate_contact: bool | None = setting("Validate a contact before it is tracked.")


class QueueSettings(Group):
    """Queue items for incoming mail."""

    item_for_synchronizing_mailbox: bool | None = setting(
        "A queue item for the mailbox being processed, even if it is only Bcc or behind a list."
    )
    items_for_accepting_recipients: bool | None = setting("A queue item for every queue among the recipients.")
    additional_items_for_tracked_email: bool | None = setting("A queue item also for mail that another recipient brought in.")


class SendingSettings(Group):
    """Outgoing mail."""

    batch_size: int | None = setting("Mails per batch of background sending.", ge=1, le=255)
    send_from_submitter: bool | None = setting("Send from the submitter's mailbox instead of the sender's; Exchange only.")
    save_to_sent_items: bool | None = setting("Keep a copy in Sent Items; Exchange only.")
    delegate_access: bool | None = setting("Allow delegate access.")


class AttachmentSettings(Group):
    """Limits of attachments."""

    maximum_size: int | None = setting(
        "Largest attachment in bytes, up to 134217728 (128 MB).", ge=0, le=134_217_728, examples=(5_242_880,)
    )
    blocked_extensions: Annotated[tuple[Extension, ...], Field(strict=False), SetOf] | None = setting(
        "File extensions that are refused.", examples=(["exe", "js"],)
    )
    blocked_mime_types: Annotated[tuple[MimeType, ...], Field(strict=False), SetOf] | None = setting("MIME types that are refused.")
    allowed_mime_types: Annotated[tuple[MimeType, ...], Field(strict=False), SetOf] | None = setting(
        "MIME types that are allowed; all others are refused."
    )


class AlertSettings(Group):
    """Which alerts are written, for whom, and how long they are kept."""

    errors: bool | None = setting("Write alerts for errors.")
    warnings: bool | None = setting("Write alerts for warnings.")
    information: bool | None = setting("Write alerts for information.")
    notify_mailbox_owners: bool | None = setting("Tell mailbox owners of alerts of the profile too.")
    retention: Annotated[Duration, AfterValidator(span("0d", "3650d", whole="1d"))] | None = setting(
        "How long alerts are kept, in whole days.", examples=("30d",)
    )
    always_check_delete_privilege: bool | None = setting("Check the privilege when alerts are deleted.")
    sender: Slug | None = setting(
        "metadata.name of the mailbox that mails the alarms of profiles with sendEmailAlert; best one on another server than theirs.",
        examples=("postmaster",),
    )
    recipients: Annotated[tuple[Address, ...], Field(strict=False, max_length=100), SetOf] | None = setting(
        "Addresses of administrators who get such mail beside the owner of the profile.", examples=(["postmaster@contoso.example"],)
    )


class ProcessingSettings(Group):
    """How mailboxes are worked through, and what is kept about it."""

    connection_channel: Literal["server-side", "email-router"] | None = setting("Server-side synchronization, or the retired Email Router.")
    content_filtering: bool | None = setting("Filter content on email server profiles.")
    forced_unlocking: bool | None = setting("Unlock mailboxes that are stuck.")
    advancing_date: bool | None = setting(
        "Move each mailbox's date forward with the mail, as the product does; late, moved or backdated mail is lost by it."
    )
    inactive_backoff: bool | None = setting("Look at inactive mailboxes less often.")
    exchange_batch_size: int | None = setting("Mails fetched from Exchange at a time.", ge=1, le=_LARGE)
    use_anchor_mailbox: bool | None = setting("Send the X-AnchorMailbox header to Exchange.")
    item_level_monitoring: bool | None = setting("Record failures of single items.")
    item_failure_retention: Annotated[Duration, AfterValidator(span("0d", "14d", whole="1d"))] | None = setting(
        "How long failures of single items are kept, in whole days.", examples=("3d",)
    )
    statistics_retention: Annotated[Duration, AfterValidator(span("0d", "365d", whole="1d"))] | None = setting(
        "How long statistics of mailboxes are kept, in whole days; 0d stores none.", examples=("7d",)
    )
    maximum_verbose_mailboxes: int | None = setting("Mailboxes that may have verbose logging at a time.", ge=0, le=_LARGE)
    maximum_verbose_cycles: int | None = setting("Cycles verbose logging stays on.", ge=0, le=_LARGE)


def _filter(text: str) -> str:
    from reconcile.model.item_declared import read_filter

    read_filter(text)
    return text


def _direction(text: str) -> str:
    from reconcile.model.item_declared import read_direction

    read_direction(text)
    return text


class LinkedItemSettings(Group):
    """What happens to appointments, contacts and tasks that are linked with Exchange."""

    unlink_on_logical_delete: bool | None = setting(
        "Only unlink an item at Exchange when its row left the sync filter or became invisible; false deletes it, which cancels meetings."
    )
    one_mailing_address: bool | None = setting(
        "Synchronise one mailing address of a contact; false synchronises home and other as well, each side overwriting the other's."
    )
    filters: Annotated[tuple[Annotated[Line, AfterValidator(_filter)], ...], Field(strict=False), SetOf] | None = setting(
        "Records that go to mailboxes, one filter a line: KIND (appointment, contact, task, phonecall, letter, fax), then owner=self|any,"
        " state=WORD|any, regarding=TYPE. They are united; a kind without a filter does not go out. Omitted: what is open and belongs to"
        " the mailbox's owner.",
        examples=(["task owner=self state=open", "contact owner=any"],),
    )
    directions: Annotated[tuple[Annotated[Line, AfterValidator(_direction)], ...], Field(strict=False), SetOf] | None = setting(
        "Which way single fields go, as KIND.FIELD=both|to-records|to-mailbox|none.", examples=(["contact.jobtitle=to-records"],)
    )
    track_from_non_organizer: bool | None = setting("An attendee may track a meeting that somebody else organizes.")
    track_categorized_contacts: bool | None = setting("The category brings contacts in, too; the product does not do that.")
    update_past_meetings: bool | None = setting("Write changes of past meetings to the mailbox as well.")
    propagate_cancellations: bool | None = setting("An appointment that is cancelled here is cancelled in its organizer's mailbox.")
    task_deletion: Literal["delete", "unless-completed", "never"] | None = setting(
        "What becomes of a record whose task was deleted in the mailbox."
    )
    private_from_mailbox: bool | None = setting("Take over from the mailbox whether an appointment is private.")
    appointment_attachments: bool | None = setting("Synchronise attachments of appointments that are no series.")


class DeploymentSettings(Group):
    """Switches of an on-premises deployment."""

    allow_non_ssl_email: bool = setting("AllowNonSSLEmail: profiles may switch TLS off.", default=False)
    allow_credentials_entry_via_non_secure_channels: bool = setting(
        "AllowCredentialsEntryViaNonSecureChannels: user names and passwords may be entered over HTTP.", default=False
    )


class OrganizationSpec(Spec):
    """One organization."""

    deployment: Literal["online", "on-premises"] | None = setting("Where the application runs.")
    edition: Literal["crm-2013", "crm-2015", "crm-2016", "dynamics-365-v8", "dynamics-365-v9"] | None = setting(
        "Edition of the application."
    )
    cloud: Literal["public", "us-government", "china"] | None = setting("Cloud an online organization runs in.")
    fips: bool = setting("Whether the deployment is configured for FIPS 140.", default=False)
    fips_edition: Literal["140-2", "140-3"] | None = setting("Edition of FIPS 140 that the cryptography in use is validated for.")
    owned_domains: Annotated[tuple[Domain, ...], Field(strict=False), SetOf] | None = setting(
        "Mail domains that belong to the organization.", examples=(["contoso.example"],)
    )
    approval: ApprovalSettings = setting("Approval of addresses.", default=ApprovalSettings.model_construct())
    defaults: DefaultSettings = setting("What new mailboxes get.", default=DefaultSettings.model_construct())
    tracking: TrackingSettings = setting("Which mail is tracked.", default=TrackingSettings.model_construct())
    smart_matching: SmartMatching = setting("Correlation by likeness.", default=SmartMatching.model_construct())
    address_resolution: AddressResolution = setting("How addresses are resolved.", default=AddressResolution.model_construct())
    queues: QueueSettings = setting("Queue items.", default=QueueSettings.model_construct())
    sending: SendingSettings = setting("Outgoing mail.", default=SendingSettings.model_construct())
    attachments: AttachmentSettings = setting("Attachments.", default=AttachmentSettings.model_construct())
    alerts: AlertSettings = setting("Alerts.", default=AlertSettings.model_construct())
    processing: ProcessingSettings = setting("Processing of mailboxes.", default=ProcessingSettings.model_construct())
    linked_items: LinkedItemSettings = setting(
        "Appointments, contacts and tasks that are linked with Exchange.", default=LinkedItemSettings.model_construct()
    )
    deployment_settings: DeploymentSettings = setting(
        "Switches of an on-premises deployment.", default=DeploymentSettings.model_construct()
    )


class Organization(Document):
    """The settings of an organization that steer its mail."""

    kind: Literal["Organization"] = required("Organization.")
    spec: OrganizationSpec = required("What is wanted.")


def problems(spec: OrganizationSpec) -> Iterator[Problem]:
    """Switches that only an on-premises deployment has."""
    if spec.deployment == "online":
        switches = spec.deployment_settings
        for name, on in (
            ("allowNonSslEmail", switches.allow_non_ssl_email),
            ("allowCredentialsEntryViaNonSecureChannels", switches.allow_credentials_entry_via_non_secure_channels),
        ):
            if on:
                yield Problem(f"deploymentSettings.{name}", "only an on-premises deployment has this switch; online, TLS is never optional")
    if spec.deployment == "on-premises" and spec.cloud is not None:
        yield Problem("cloud", "an on-premises deployment runs in no cloud: leave cloud out")
