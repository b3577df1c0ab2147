"""Mailing alarms through the ordinary outbox.

The mail and its key are one transaction, and only then the alert is told that it was mailed: who dies between the two finds the key, and
writes nothing a second time. From there on the mail is one like any other: it obeys allowed recipients, limits and retries.
"""

from __future__ import annotations

from reconcile.errors import UserError
from reconcile.lazy_dataclass import dataclass
from reconcile.ports.alert_store import AlertStore
from reconcile.sync.decide.alert_mail import AlarmLetter, alarm_letters
from reconcile.sync.mail_intake import MailIntake


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmMail:
    """What became of one: `entry` is its number in the outbox, 0 where it was refused, and `refused` says why."""

    letter: AlarmLetter
    entry: int = 0
    refused: str = ""

    @property
    def words(self) -> str:
        """One sentence."""
        if self.refused:
            return f"the mail {self.letter.draft.subject!r} could not be written: {self.refused}"
        return f"mail {self.entry} to {', '.join(self.letter.draft.to)}: {self.letter.draft.subject}"


def mail_alarms(alerts: AlertStore, intake: MailIntake, *, environment: str) -> list[AlarmMail]:
    """Put what is to be written now into the outbox. Raises what the stores raise; a mail that is refused is a value, and is tried again
    with the next call."""
    told = alerts.alerts(ended=True, kind="EmailServerProfile")
    if not told:
        return []
    now = intake.clock.now()
    letters = alarm_letters(told, intake.applied.resources(), intake.setup(), environment=environment, now=now)
    known = intake.outbox.keyed([letter.key for letter in letters]) if letters else {}
    done = []
    for letter in letters:
        # The words of an alarm change while it lasts: what is there under its key is this mail, whatever it says.
        there = known.get(letter.key)
        if there is None:
            try:
                there = intake.submit(letter.draft, letter.mailbox, letter.key).entry
            except UserError as error:
                done.append(AlarmMail(letter=letter, refused=error.message))
                continue
            done.append(AlarmMail(letter=letter, entry=there.id))
        alerts.mailed(letter.alert_id, letter.what)
    return done
