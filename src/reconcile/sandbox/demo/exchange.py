"""What the demo adds to the example estate for the sandbox's Exchange: a profile whose account impersonates, and one mailbox."""

from __future__ import annotations

from typing import Final

SLUG: Final = "office"
ADDRESS: Final = "office@contoso.example"
PROFILE_FILE: Final = "profiles/contoso-exchange.yaml"
MAILBOX_FILE: Final = "mailboxes/office.yaml"
#: Stands in the profile where the sandbox's address goes.
URL: Final = "EXCHANGE_URL"

WAIVER_FILE: Final = "policies/exchange.yaml"

PROFILE: Final = f"""\
# One account opens every mailbox (impersonation); the mailboxes themselves have no password here.
apiVersion: reconcile/v1alpha2
kind: EmailServerProfile
metadata: {{name: contoso-exchange, labels: {{team: messaging}}}}
spec:
  displayName: Contoso Exchange
  description: The Exchange of the headquarters. One account opens the mailboxes.
  ownerEmailAddress: postmaster@contoso.example
  serverType: exchange-server-hybrid
  incoming:
    server: {URL}
    caCertificate: file:sandbox-ca.pem
    authentication: basic
    credentials: profile
    useImpersonation: true
    username: sandbox-service
    password: {{ref: "file:mailboxes/sandbox-service.password", expires: 2031-12-31}}
  outgoing:
    server: {URL}
    caCertificate: file:sandbox-ca.pem
  useSameSettingsForOutgoing: true
  processEmailFrom: ${{processFrom}}
  facts:
    impersonationScope: whole-organization # what lint cannot see, and rules ask for
"""
MAILBOX: Final = f"""\
# The office of the management: mail, and appointments, contacts and tasks both ways.
apiVersion: reconcile/v1alpha2
kind: Mailbox
metadata: {{name: {SLUG}, labels: {{team: office}}}}
spec:
  displayName: Geschäftsleitung
  emailAddress: {ADDRESS}
  type: user
  profile: contoso-exchange
  incoming: server-side
  outgoing: server-side
  appointmentsContactsTasks: server-side
  filter: all
"""
WAIVER: Final = """\
# Rules warn of passwords that go over the line with each request, and of accounts that open everything. Who accepts it, why, until when:
apiVersion: reconcile/v1alpha2
kind: Waiver
metadata: {name: exchange-of-the-sandbox}
spec:
  rules: [basic-authentication-only-where-nothing-else-is-taken, impersonation-scoped]
  selector: {kinds: [EmailServerProfile], names: [contoso-exchange]}
  reason: The Exchange of the sandbox takes passwords only, and its service account opens every mailbox. All of it is on this machine.
  approver: postmaster
  expires: 2031-12-31
"""
