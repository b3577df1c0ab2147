"""What stores out there have behind them stays as it is: what a migration lacked comes with a later one."""

from __future__ import annotations

import hashlib
from importlib.resources import files

LANDED = {
    "0001_configuration.sql": "8944d6368465ee53",
    "0002_mail.sql": "3d541fda0d6c9a16",
    "0003_outbox.sql": "2a268521ee80e0c5",
    "0004_management.sql": "4b55c197f6508acb",
    "0005_lease_and_chain.sql": "0d06b94bfe8ca018",
    "0006_purge.sql": "e285dd46b2b0e42f",
    "0007_feed.sql": "47f651778bd013f6",
    "0008_parties.sql": "b2c6631228e513e1",
    "0009_correlation.sql": "2ee25e7b02f405cd",
    "0010_decisions.sql": "19aa3187282dd619",
    "0011_oauth_tokens.sql": "afb6f8d89f725b43",
    "0012_outgoing.sql": "a7f84fcd44bcfaec",
    "0013_enablement.sql": "98ac40549bcd4ae1",
    "0014_scheduling.sql": "ddb49dbc7ed77f29",
    "0015_quarantine_deleted.sql": "3a43b830b2b6def3",
    "0016_restored_mail.sql": "645f3b76d8d86d93",
    "0017_outer_message_id.sql": "f2a86eca9d629ca9",
    "0018_items.sql": "e70e8f6c71b5fa23",
    "0019_discovered_servers.sql": "9943a16afee2ee5b",
    "0020_tracked_folders.sql": "6e44d840eb60c866",
    "0021_item_feed.sql": "6dc37ec32ff8e0de",
    "0022_item_safety.sql": "45a6bba7898dc445",
    "0024_resolved_by.sql": "7a80fe294e25900e",
}


def test_no_migration_changes_once_stores_have_it() -> None:
    folder = files("reconcile.store.migrations")
    found = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest()[:16] for name in LANDED}
    assert found == LANDED, "write a new migration instead"
