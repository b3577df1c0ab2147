"""What the product's forms call a field and its values, in English, German and French. For people only: nothing compares labels.

German after "Erstellen von E-Mail-Serverprofilen und Hinzufügen von Postfächern mithilfe der serverseitigen Synchronisierung"
(Dynamics CRM 2015, November 2016) and "Bewährte Methoden für serverseitige Synchronisierung"; French after "Meilleures pratiques
pour la synchronisation côté serveur"; English after the pages of the same content ("Create email server profiles and add mailboxes
with server-side synchronization", "Best practices for server-side synchronization", "Create forward mailboxes or edit mailboxes").
Where a page does not show a label in a language, there is none here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from reconcile.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Label:
    """One field of a form, or one value of it (`value` as documents write it). Empty where the pages give no label."""

    path: str
    english: str
    german: str = ""
    french: str = ""
    value: str = ""


_PROCESS_FROM: Final = ("Process Emails From", "E-Mail-Nachricht verarbeiten von", "Traiter les e-mails à partir de")


def _connection(direction: str, english: str, german: str, german_place: str) -> tuple[Label, ...]:
    return (
        Label(f"{direction}.server", f"{english} Server Location", german_place),
        Label(f"{direction}.port", f"{english} Port", f"{german}er Port"),
        Label(f"{direction}.tls", f"Use SSL for {english} Connection", f"SSL für {german.lower()}e Verbindung verwenden"),
        Label(f"{direction}.authentication", f"{english} Authentication Protocol", "Authentifizierungs-Protokoll Eingang/Ausgang"),
        Label(f"{direction}.credentials", "Authenticate Using", "Authentifizieren mit", "Authentifier à l’aide de"),
        *(Label(f"{direction}.credentials", *names, value) for value, names in _CREDENTIALS.items()),
        Label(f"{direction}.username", "User Name", "Benutzername", "Nom d’utilisateur"),
        Label(f"{direction}.password", "Password", "Kennwort", "Mot de passe"),
        Label(f"{direction}.useImpersonation", "Use Impersonation", "Identitätswechsel verwenden", "Utiliser l’emprunt d’identité"),
    )


_CREDENTIALS: Final[Mapping[str, tuple[str, str, str]]] = {
    "user-or-queue": (
        "Credentials Specified by a User or Queue",
        "Von einem Benutzer oder einer Warteschlange angegebene Anmeldeinformationen",
        "Informations d’identification spécifiées par un utilisateur ou une file d’attente",
    ),
    "profile": (
        "Credentials Specified in Email Server Profile",
        "Im E-Mail-Serverprofil angegebene Anmeldeinformationen",
        "Informations d’identification spécifiées dans un profil de serveur de messagerie",
    ),
    "server-to-server": ("Server to Server Authentication", "Server-zu-Server-Authentifizierung", ""),
    "windows-integrated": ("Windows Integrated Authentication", "Integrierte Windows-Authentifizierung", ""),
    "anonymous": ("Without Credentials (Anonymous)", "Windows-Anmeldeoptionen (Anonym)", ""),
}

_PROFILE: Final = (
    Label("displayName", "Name", "Name", "Nom"),
    Label("description", "Description", "Beschreibung"),
    Label("autodiscover", "Auto Discover Server Location", "Serverstandort automatisch ermitteln"),
    *_connection("incoming", "Incoming", "Eingehend", "Eingehender Server-Ort"),
    *_connection("outgoing", "Outgoing", "Ausgehend", "Ausgehender Server-Ort"),
    Label(
        "useSameSettingsForOutgoing",
        "Use same settings for Outgoing",
        "Gleiche Einstellungen für Ausgang verwenden",
        "Utiliser les mêmes paramètres pour Sortant",
    ),
    Label("processEmailFrom", *_PROCESS_FROM),
    Label("processEmailFrom", "Start Processing Emails", french="Début du traitement des e-mails"),
    Label(
        "maxConcurrentConnections", "Maximum Concurrent Connections", "Maximale gleichzeitige Verbindungen", "MaximumConcurrentConnections"
    ),
    Label("minPollingInterval", "Minimum Polling Intervals in Minutes", "Minimale Abrufhäufigkeit in Minuten"),
    Label(
        "moveUndeliveredEmails",
        "Move Failed Emails to Undeliverable Folder",
        'Fehlgeschlagene E-Mails in den Ordner "Unzustellbar" verschieben',
    ),
)

_MAILBOX: Final = (
    Label("displayName", "Name", "Name", "Nom"),
    Label("emailAddress", "Email Address"),
    Label("owner", "Owner"),
    Label("profile", "Server Profile", "Serverprofil", "Profil du serveur de messagerie"),
    Label("incoming", "Incoming Email"),
    Label("outgoing", "Outgoing Email"),
    Label(
        "appointmentsContactsTasks",
        "Appointments, Contacts, and Tasks",
        "Termine, Kontakte und Aufgaben",
        "Rendez-vous, contacts et tâches",
    ),
    Label(
        "credentials.allowUse",
        "Allow to Use Credentials for Email Processing",
        "Verwendung der Anmeldeinformationen für die E-Mail-Verarbeitung zulassen",
        "Autoriser l’utilisation d’informations d’identification pour le traitement du courrier électronique",
    ),
    Label("credentials.username", "User Name", "Benutzername", "Nom d’utilisateur"),
    Label("credentials.password", "Password", "Kennwort", "Mot de passe"),
    Label("processEmailFrom", "Process Email Received After", french="Traiter le courrier électronique reçu après"),
    Label("deleteAfterProcessing", "Delete Emails After Processing"),
)

_ORGANIZATION: Final = (
    Label("approval.requireForUsers", "Process Emails Only for Approved Users"),
    Label("approval.requireForQueues", "Process Emails Only for Approved Queues"),
    Label("defaults.profile", "Server Profile", "Serverprofil", "Profil du serveur de messagerie"),
    Label("defaults.incoming", "Incoming Email"),
    Label("defaults.outgoing", "Outgoing Email"),
    Label("defaults.appointmentsContactsTasks", "Appointments, Contacts, and Tasks"),
    Label("processing.connectionChannel", "Process Email Using"),
    Label("deploymentSettings.allowNonSslEmail", "AllowNonSSLEmail", "AllowNonSSLEmail"),
    Label(
        "deploymentSettings.allowCredentialsEntryViaNonSecureChannels",
        "AllowCredentialsEntryViaNonSecureChannels",
        "AllowCredentialsEntryViaNonSecureChannels",
    ),
)

LABELS: Final[Mapping[str, tuple[Label, ...]]] = MappingProxyType(
    {"EmailServerProfile": _PROFILE, "Mailbox": _MAILBOX, "Organization": _ORGANIZATION}
)


@lru_cache(maxsize=16)
def by_path(kind: str) -> Mapping[str, tuple[Label, ...]]:
    """All labels of each field of a kind, those of its values too."""
    found: dict[str, list[Label]] = {}
    for label in LABELS.get(kind, ()):
        found.setdefault(label.path, []).append(label)
    return MappingProxyType({path: tuple(labels) for path, labels in found.items()})
