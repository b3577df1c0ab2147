"""Every finding there is, with its meaning and what to do: the source of docs/findings.md."""

from __future__ import annotations

from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Severity

_ERROR, _WARNING, _INFORMATION = Severity.ERROR, Severity.WARNING, Severity.INFORMATION


@dataclass(frozen=True, slots=True)
class Rule:
    """`id` never changes its meaning; `severity` is the usual one."""

    id: str
    severity: Severity
    meaning: str
    fix: str


RULES: Final[tuple[Rule, ...]] = (
    Rule("source/link", _ERROR, "A symbolic link named like a file of the estate; links are never followed.", "Put the file itself there."),
    Rule(
        "source/link-to-folder",
        _ERROR,
        "A symbolic link to a folder; nothing in it was read, so nothing is planned.",
        "Put the folder itself there, or remove the link.",
    ),
    Rule("source/name", _ERROR, "The name of a file is not UTF-8.", "Rename it."),
    Rule("source/not-a-file", _ERROR, "A pipe, socket or device named like a file; it is never opened.", "Remove it."),
    Rule("source/folder-name", _INFORMATION, "A folder whose name ends like that of a file.", "Rename it."),
    Rule("source/too-large", _ERROR, "A file of more than 1 MiB; it is not read.", "Split it."),
    Rule("source/unreadable", _ERROR, "A file that cannot be read.", "Check its permissions, or the repository."),
    Rule("source/unreadable-folder", _ERROR, "A folder that cannot be read, so nothing is planned.", "Check its permissions or its name."),
    Rule(
        "source/submodule",
        _ERROR,
        "A submodule in a git revision; nothing in it is read, so nothing is planned.",
        "Copy its files if they belong to the estate, or leave it out of the folders of the Environment.",
    ),
    Rule("text/binary", _ERROR, "A NUL byte: the file is not a text.", "Remove the file, or change its extension."),
    Rule("text/encoding", _ERROR, "The file is not UTF-8.", "Save it as UTF-8."),
    Rule("text/control-character", _ERROR, "A control character in the text.", "Remove it, or write an escape in double quotes."),
    Rule(
        "text/line-separator",
        _ERROR,
        "U+0085, U+2028 or U+2029, which some YAML readers take for a line break.",
        "Use an ordinary line break or an escape.",
    ),
    Rule("text/merge-conflict", _ERROR, "Both sides of a merge that git could not join.", "Choose what is right, and finish the merge."),
    Rule("yaml/syntax", _ERROR, "Not valid YAML; the rest of the file is not read.", "Mend the place shown, then run again."),
    Rule("yaml/duplicate-key", _ERROR, "A key twice in one mapping.", "Remove one of the two."),
    Rule("yaml/key", _ERROR, "A key that is not text (a number, a truth value, null, a list).", "Put it in quotes."),
    Rule("yaml/merge-key", _ERROR, "A merge key (<<).", "Write the fields out."),
    Rule("yaml/anchor", _ERROR, "An anchor (&name).", "Write the value where it is needed, or use a variable."),
    Rule("yaml/alias", _ERROR, "An alias (*name).", "Write the value out, or use a variable."),
    Rule("yaml/tag", _ERROR, "A tag (!name).", "Remove it; quotes make text."),
    Rule("yaml/directive", _ERROR, "A directive other than %YAML 1.2.", "Remove it."),
    Rule("yaml/number", _ERROR, "A number that no field can hold.", "Put it in quotes if it is text."),
    Rule("yaml/too-deep", _ERROR, "Nesting beyond 64 levels; the rest of the file is not read.", "Flatten it."),
    Rule("yaml/too-long", _ERROR, "A key or value of more than 65,536 characters.", "Shorten it."),
    Rule("yaml/too-many-documents", _ERROR, "More than 10,000 documents in one file.", "Split the file."),
    Rule("document/empty", _INFORMATION, "A file that declares nothing.", "Remove it if it is no longer needed."),
    Rule(
        "document/to-fill-in",
        _WARNING,
        "A line that still bears the mark CHANGE-ME, as `reconcile init` writes it, at the beginning of a comment or of a value.",
        "Write your own there and take the mark away.",
    ),
    Rule("document/not-a-mapping", _ERROR, "A document that is a list or a single value.", "Write apiVersion, kind, metadata and spec."),
    Rule("document/kind", _ERROR, "kind is missing or unknown.", "Write one of the kinds."),
    Rule("document/api-version", _ERROR, "apiVersion is missing or another one.", "Write the apiVersion this program reads."),
    Rule(
        "document/old-api-version",
        _WARNING,
        "Documents of an older apiVersion; they are read as if they were written for today's.",
        "Run `reconcile migrate`.",
    ),
    Rule(
        "document/not-migrated", _ERROR, "`reconcile migrate` cannot rewrite a file without changing what it says.", "Rewrite it by hand."
    ),
    Rule("schema/unknown-field", _ERROR, "A field that this group does not have.", "Correct its name, or remove it."),
    Rule("schema/missing-field", _ERROR, "A field that must be there.", "Add it."),
    Rule("schema/value", _ERROR, "A word that the field does not know.", "Write one of the words listed."),
    Rule("schema/type", _ERROR, "A value of another type (yes is text, not true).", "Write the type that is expected."),
    Rule("schema/range", _ERROR, "A number outside its limits.", "Write a number inside them."),
    Rule("schema/pattern", _ERROR, "A text of another form (slug, address, date, duration).", "Follow the form shown."),
    Rule("schema/length", _ERROR, "A text that is empty or too long.", "Shorten it, or write something."),
    Rule("schema/name", _ERROR, "A name of a label, annotation or variable with characters it may not have.", "Rename it."),
    Rule("schema/other", _ERROR, "Anything else the schema refuses.", "Compare the document with `reconcile schema`."),
    Rule("fields/combination", _ERROR, "Fields that contradict each other.", "Change one of them."),
    Rule("fields/value", _ERROR, "A value that cannot be (a date that does not exist, an unknown time zone).", "Change it."),
    Rule(
        "management/unknown-field",
        _ERROR,
        "management.ignore, or ignore of an Environment, names a field that the kind does not have.",
        "Correct the name; * stands for any characters.",
    ),
    Rule("variable/unknown", _ERROR, "${name} that the Environment does not declare.", "Declare it, or correct the name."),
    Rule(
        "reference/unknown", _ERROR, "A reference to something that is not declared in the environment.", "Declare it, or correct the name."
    ),
    Rule(
        "provider/unknown",
        _ERROR,
        "A profile names a mail provider that neither the estate nor reconcile has; the profile is left alone.",
        "Correct the name, or declare a MailProvider.",
    ),
    Rule(
        "provider/ambiguous",
        _ERROR,
        "A profile names a mail provider by an alias that several have; the profile is left alone.",
        "Write the name of the one that is meant.",
    ),
    Rule(
        "provider/protocol",
        _ERROR,
        "The mail provider of a profile does not have the protocol of its serverType; a warning where that is not known for certain.",
        "Write another serverType, or remove provider and declare the servers.",
    ),
    Rule(
        "assignment/conflict",
        _ERROR,
        "Two assignments of equal priority give one mailbox the same field; the mailbox is left alone.",
        "Give one of them another priority, or write the field in the mailbox.",
    ),
    Rule(
        "assignment/impossible",
        _ERROR,
        "An assignment gives a mailbox what its type cannot have; the mailbox is left alone.",
        "Select by type, or write the field in the mailbox.",
    ),
    Rule(
        "assignment/no-organization",
        _ERROR,
        "useOrganizationDefaults in an environment without an Organization; the mailboxes it selects are left alone.",
        "Declare an Organization, or write the fields under settings.",
    ),
    Rule(
        "assignment/selects-nothing",
        _WARNING,
        "An assignment means no mailbox of the environment; nothing is held because of it. Not said of what may mean rows of the target.",
        "Correct the selector, or remove the assignment.",
    ),
    Rule("duplicate/resource", _ERROR, "The same kind and name twice; neither is applied.", "Remove one, or rename it."),
    Rule("duplicate/address", _ERROR, "Two mailboxes with one address, case aside; neither is applied.", "Remove one of them."),
    Rule("duplicate/display-name", _ERROR, "Two profiles with one displayName; neither is applied.", "Rename one of them."),
    Rule("duplicate/singleton", _ERROR, "Two Organizations in one environment; neither is applied.", "Merge them."),
    Rule(
        "secret/plaintext",
        _ERROR,
        "A value where a reference to a secret belongs. It is never shown.",
        "Write env:NAME or file:PATH, and change the secret.",
    ),
    Rule(
        "secret/reference",
        _ERROR,
        "A reference to a secret that cannot be read (absolute path, .., bad name).",
        "Write env:NAME or file:PATH.",
    ),
    Rule(
        "secret/exposed",
        _ERROR,
        "Something that looks like a secret anywhere else; a warning where only the name of a label, annotation or variable suggests it.",
        "Remove it, and change the secret.",
    ),
    Rule(
        "layer/nothing-to-remove",
        _WARNING,
        "`spec: null` in a layer takes a document away that no earlier layer has.",
        "Correct the name, or remove the document.",
    ),
    Rule("table/missing", _ERROR, "A MailboxList names a table that is not there, cannot be read, or is used twice.", "Correct its path."),
    Rule("table/syntax", _ERROR, "Not valid CSV; the rest of the table is not read.", "Mend the quotes at the place shown."),
    Rule(
        "table/header",
        _ERROR,
        "A column that stands twice, is missing, or is not among the columns of the list; nothing of the table is read.",
        "Correct header or columns; null is for a column that is not used.",
    ),
    Rule("table/cells", _ERROR, "A record with more or fewer cells than the header.", "Quote cells that hold the delimiter."),
    Rule(
        "table/address",
        _ERROR,
        "A row without an address, or with one that no name can be made of, where the table gives no names.",
        "Write the address, or add a column for metadata.name.",
    ),
    Rule("table/unknown-field", _ERROR, "A column gives a field that a mailbox does not have.", "Correct the name of the field."),
    Rule(
        "policy/expression",
        _ERROR,
        "A rule that does not compile: an unknown variable, types that do not fit, a word that the field cannot have. It is left out.",
        "Mend the expression at the place shown.",
    ),
    Rule(
        "policy/rule-failed",
        _ERROR,
        "A rule that came to neither true nor false for an object, or took too long. The other rules go on.",
        "Compare with null first, or make the rule simpler.",
    ),
    Rule(
        "policy/rule-name",
        _ERROR,
        "An estate's rule has the name of one that comes with reconcile; the estate's is left out.",
        "Rename it; a PolicySettings changes what comes with reconcile.",
    ),
    Rule("policy/unknown-rule", _ERROR, "PolicySettings name a rule that is not there.", "Correct the name."),
    Rule("policy/unknown-parameter", _ERROR, "PolicySettings name a parameter that the rule does not have.", "Correct the name."),
    Rule(
        "policy/parameter-value",
        _ERROR,
        "PolicySettings give a parameter a value that it cannot have; the rule keeps its own.",
        "Write a value of its type, within its range.",
    ),
    Rule(
        "policy/settings-conflict",
        _ERROR,
        "Two PolicySettings set the same differently for one environment; neither counts.",
        "Write it in one of the two.",
    ),
    Rule(
        "policy/unknown-approver",
        _ERROR,
        "A rule, or settings of one, asks for the approval of somebody whom the PolicySettings of the environment do not declare; a "
        "warning where enough others can approve, or where no approvers are declared.",
        "Correct the name, declare the approver, or let settings of that environment ask somebody else.",
    ),
    Rule(
        "policy/example",
        _ERROR,
        "`reconcile policy test`: an example of a rule shows something else than the rule finds.",
        "Mend the example or the rule.",
    ),
    Rule(
        "policy/untried",
        _ERROR,
        "`reconcile policy test`: a part of a rule that none of its examples tries.",
        "Add an example that rests on it, or remove the part.",
    ),
    Rule("waiver/unknown-rule", _ERROR, "A waiver names a rule that is not there.", "Correct its name; `reconcile policy list` shows all."),
    Rule("waiver/not-waivable", _ERROR, "A waiver names a rule whose findings cannot be waived.", "Mend what the rule finds."),
    Rule("waiver/expired", _WARNING, "A waiver has ended; its findings count again.", "Mend them, or have it approved again."),
    Rule("waiver/expires-soon", _INFORMATION, "A waiver ends soon.", "Mend its findings, or have it approved again."),
    Rule(
        "waiver/too-long",
        _ERROR,
        "A waiver runs longer than maximumWaiverDays of PolicySettings; it accepts nothing.",
        "Let it end earlier.",
    ),
    Rule("waiver/unused", _WARNING, "A waiver accepts no finding.", "Remove it, or correct its rules and its selector."),
    Rule(
        "waiver/unknown-approver",
        _ERROR,
        "The approver of a waiver is not among those of PolicySettings; it accepts nothing.",
        "Name one of them.",
    ),
    Rule(
        "waiver/unproved-approver",
        _ERROR,
        "Nothing outside of the file shows that the approver of a waiver approved it; it accepts nothing.",
        "Let the approver sign the commit, or review the change; docs/waivers.md says which counts.",
    ),
    Rule(
        "waiver/waits",
        _INFORMATION,
        "A change wrote this waiver; it accepts nothing before it is merged.",
        "Merge it first, or let its approver review the change.",
    ),
    Rule(
        "baseline/can-shrink",
        _INFORMATION,
        "The baseline names findings that are no longer found.",
        "Run `reconcile lint --baseline shrink`.",
    ),
    Rule("baseline/unreadable", _ERROR, "The baseline cannot be read; nothing of it is accepted.", "Restore it from git."),
    Rule(
        "baseline/grows",
        _ERROR,
        "A change makes the baseline accept more than its base does.",
        "Mend the finding, or have it waived; a baseline can only shrink.",
    ),
    Rule(
        "autodiscover/changed",
        _WARNING,
        "`lint --online`, `plan --online`: Autodiscover names another server than is pinned.",
        "Run `reconcile test-mailbox`, which tries the new one and pins it.",
    ),
    Rule(
        "autodiscover/nothing",
        _WARNING,
        "`lint --online`: Autodiscover names no server for a mailbox.",
        "Name the server in the profile, or declare where Autodiscover may lead.",
    ),
    Rule(
        "autodiscover/not-asked",
        _INFORMATION,
        "`lint --online`: a profile leaves servers to be found for mailboxes that are not applied like that.",
        "Run `reconcile plan --online`, which asks what needs no credentials, or apply and lint again.",
    ),
    Rule(
        "autodiscover/one-server",
        _INFORMATION,
        "`lint --online`: every mailbox of the profile has the same server.",
        "Run `reconcile lint --online --fix`, which writes it into the profile.",
    ),
    Rule("environment/missing", _ERROR, "The estate declares no Environment.", "Add one."),
    Rule(
        "environment/unknown",
        _ERROR,
        "No Environment has the name that was asked for, or that settings of rules or a waiver are for.",
        "Correct the name.",
    ),
    Rule("environment/ambiguous", _ERROR, "Several Environments, and none was named.", "Say --environment NAME."),
    Rule(
        "environment/empty-folder",
        _ERROR,
        "A folder of an Environment that holds no file; nothing is planned, because a misspelt folder would read as a deletion.",
        "Correct its name, or remove it from the list.",
    ),
    Rule(
        "environment/same-organization",
        _WARNING,
        "Two environments of our engine are pinned to one organization: the pin keeps neither apart from the other.",
        "Give each the id of its own, or leave it out of one.",
    ),
    Rule("environment/outside", _INFORMATION, "A document in a folder that no Environment names.", "Move it, or add the folder."),
)


def page() -> str:
    """The text of docs/findings.md."""
    lines = [
        "# Findings",
        "",
        "What `reconcile lint` says of files that it cannot take as they are, and of the documents about rules. These checks are built in,",
        "and their ids have a slash. All that concerns good practice is said by [rules](policies/index.md), whose ids have none: each has",
        "a page, and `reconcile explain ID` tells of both. How a finding of a rule is accepted: [waivers](waivers.md). Each id keeps its",
        "meaning for good; gates and reports may rely on it. A document with an error is *held*: plan, apply and run leave alone what it",
        "declares, what needs it, and what came from its file, and go on with the rest.",
        "",
        "| id | severity | meaning | what to do |",
        "| --- | --- | --- | --- |",
        *(f"| `{rule.id}` | {rule.severity} | {rule.meaning} | {rule.fix} |" for rule in RULES),
        "",
    ]
    return "\n".join(lines)
