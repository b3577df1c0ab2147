"""Any sequence of network faults while mail is sent: nothing is lost, nothing is sent twice, and what nobody can know is uncertain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from reconcile.model.outgoing import OutgoingState
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.outbox import SqliteOutbox
from reconcile.sync.decide.compose import compose
from reconcile.sync.decide.draft import Draft
from reconcile.sync.decide.submission import SendingMailbox, sending_setup
from support import sending
from support.fault_proxy import Fault, Kind, Way, proxied
from support.smtp_fault import FaultServer
from system.test_outgoing_killed import compare, copies

pytestmark = pytest.mark.slow

# In clear a flipped bit is another mail, which nobody can tell.
KINDS = st.sampled_from([kind for kind in Kind if kind not in (Kind.CALL, Kind.CORRUPT)])
FAULTS = st.one_of(
    # Greeting and EHLO, the envelope, the mail itself, the next mail.
    st.builds(
        lambda kind, way, after: Fault(kind=kind, way=way, after=after),
        KINDS,
        st.sampled_from(Way),
        st.one_of(st.integers(0, 300), st.integers(300, 4_500), st.integers(4_500, 40_000)),
    ),
    # The reply to the end of a mail: it comes not at all, in part, or late.
    st.builds(
        lambda kind, turn, after: Fault(kind=kind, after=after, behind=b"\r\n.\r\n", turn=turn),
        KINDS,
        st.integers(1, 3),
        st.integers(0, 10),
    ),
)


@given(passes=st.lists(st.lists(FAULTS, min_size=1, max_size=2), min_size=1, max_size=4), count=st.integers(1, 6))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, print_blob=True)
def test_smtp(passes: list[list[Fault]], count: int) -> None:
    with TemporaryDirectory() as folder, FaultServer(starttls=False) as server, proxied(server.port) as proxy:
        store = Path(folder) / "engine.db"
        mailbox = sending_setup(sending.estate(proxy.port).resources(), now="").mailboxes["box1"]
        assert isinstance(mailbox, SendingMailbox), mailbox
        with Database.open(store) as database:
            for index in range(count):
                draft = Draft(to=("a@contoso.example", "b@contoso.example"), subject=str(index), text="x" * 3000)
                composed = compose(draft, mailbox, key="", token=f"t{index}", now=datetime.now(UTC) - timedelta(seconds=1))
                SqliteOutbox(database).add(composed.entry, composed.content)
        for number, faults in enumerate([*passes, [], [], []]):
            proxy.plan.extend(faults)
            # Each pass as much later as a retry may wait.
            sending.run(store, proxy.port, timedelta(hours=8 * number), silence=1.0)
            proxy.plan.clear()
        with Database.open(store) as database:
            entries = list(SqliteOutbox(database).entries())
        compare(entries, copies(server))
        assert {entry.state for entry in entries} <= {OutgoingState.SENT, OutgoingState.UNCERTAIN}
        if not any(fault.kind is not Kind.DELAY and fault.kind is not Kind.THROTTLE for faults in passes for fault in faults):
            assert {entry.state for entry in entries} == {OutgoingState.SENT}
