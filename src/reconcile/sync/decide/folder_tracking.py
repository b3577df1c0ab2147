"""Which folders of a mailbox are tracked, and why others that it declares are not (Power Platform: "Configure Outlook or Exchange
folder-level tracking")."""

from __future__ import annotations

from typing import Final

from reconcile.model.condition import Condition
from reconcile.model.tracked_folder import MOST_FOLDERS, TrackedFolder, read_folders
from reconcile.sync.decide.row import Row

FIELD: Final = "trackedFolders"


def folder_tracking(mailbox: Row, organization: Row | None, protocol: object) -> tuple[tuple[TrackedFolder, ...], tuple[Condition, ...]]:
    """Sorted by path. Mail in folders that are left out stays where it is; nobody tracks it."""
    declared = read_folders(mailbox.spec.get(FIELD))
    if not declared:
        return (), ()
    if protocol != "ews":
        words = "folders are tracked at an Exchange server only: mail in them is not read"
        return (), (mailbox.condition("Unsupported", "NotBuilt", words, FIELD),)
    spec = organization.spec if organization is not None else {}
    if spec.get("tracking.folderTracking") is not True:
        words = "the Organization does not say tracking.folderTracking: true, so mail in these folders is not read"
        return (), (mailbox.condition("Unsupported", "FolderTrackingOff", words, FIELD),)
    allowed = spec.get("tracking.maximumFolderMappings")
    most = min(allowed, MOST_FOLDERS) if isinstance(allowed, int) else MOST_FOLDERS
    if len(declared) <= most:
        return declared, ()
    left = ", ".join(one.path for one in declared[most:])
    words = f"the Organization allows {most} (tracking.maximumFolderMappings), so mail in {left} is not read"
    return declared[:most], (mailbox.condition("Unsupported", "TooManyFolders", words, FIELD),)
