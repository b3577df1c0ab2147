"""Finding the server of one mailbox by Autodiscover.

Of our own, because the library's follows redirects to any host, takes the last of the SRV records for the first, and shows credentials
to whatever answers. Never part of the sync loop: a person, or a check that a person started, asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field, replace
from typing import Final, assert_never
from urllib.parse import urlsplit

from reconcile.errors import AuthenticationRejected, ReconcileError, Unsupported
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.autodiscover.answers import (
    Unreadable,
    json_answer,
    pox_answer,
    pox_question,
    soap_answer,
    soap_question,
)
from reconcile.mail.autodiscover.authorization import signed_in
from reconcile.mail.autodiscover.found import Address, Answer, Asked, Discovery, Method, Nothing, OtherAddress, OtherUrl
from reconcile.mail.autodiscover.host_policy import HostPolicy, Network, ascii_domain, host_of
from reconcile.mail.autodiscover.probes import Probe, of_host, probes
from reconcile.mail.autodiscover.service_records import ServiceRecord, in_order, service_records
from reconcile.mail.autodiscover.web import Conversation, Resolve, resolve
from reconcile.model.secret import Secret
from reconcile.ports.sign_in import SignIn

#: Redirects of all kinds on the way to one mailbox's server.
MOST_REDIRECTS: Final = 10
#: Questions on the way, whatever they lead to.
_MOST_ASKED: Final = 40
_HINT: Final = "Name the server in incoming.server, with autodiscover: false."
#: Where it was led elsewhere and did not follow.
_HINT_LED: Final = (
    "Declare in discovery.hosts where Autodiscover may lead, or name the server in incoming.server, with autodiscover: false."
)
_FORM: Final = {"Content-Type": "text/xml; charset=utf-8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a profile declares (field `discovery`). `confirmed` are hosts a person agreed to before: those that were pinned."""

    hosts: tuple[str, ...] = ()
    private_networks: tuple[Network, ...] = ()
    root_domain: bool = False
    plain_http: bool = False
    confirmed: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset({443})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What lies outside: replaced in tests, and nowhere else."""

    resolve: Resolve = resolve
    records: Callable[[str], Sequence[ServiceRecord]] = lambda name: service_records(name, timeout=10.0)
    http_port: int = 80
    #: To which connections for port 443 go.
    https_port: int = 443


@dataclass(frozen=True, slots=True, kw_only=True)
class Discoverer:
    """`sign_in` is what the profile declares, None to ask only what needs no credentials; `authority` and `client` as for any server.
    `timeout` in seconds, for each step. `random` gives numbers from 0 to below 1. Nothing more is asked once `over` says so."""

    rules: Rules
    sign_in: SignIn | None
    random: Callable[[], float]
    authority: bytes | None = None
    client: Secret | None = None
    timeout: float = 10.0
    outside: Outside = field(default_factory=Outside)
    over: Callable[[], bool] = lambda: False

    def discover(self, address: str) -> Discovery:
        """Where the mailbox is. What fails on the way is told in the steps; nothing is raised but for bugs."""
        walk = _Walk(self, address)
        found = walk.of_address(address)
        return Discovery(
            address=address,
            url=found[0] if found else "",
            method=found[1] if found else None,
            asked=tuple(walk.asked),
            hint="" if found else walk.hint or (_HINT_LED if walk.led_elsewhere else _HINT),
        )


class _Walk:
    """One discovery: what was asked, and how often it was led elsewhere."""

    def __init__(self, of: Discoverer, address: str) -> None:
        self._of = of
        self._first = address
        self._redirects = 0
        self._seen: set[tuple[Method, str, str]] = set()
        self._away: set[str] = set()
        self._settled = False
        self._ports = set(of.rules.ports)
        self.asked: list[Asked] = []
        self.hint = ""
        self.led_elsewhere = False

    def of_address(self, address: str, *, trusted: bool = True) -> tuple[str, Method] | None:
        """`trusted` is False once an answer over plain http had a part in it."""
        try:
            domain = ascii_domain(address)
        except ValueError as error:
            self._tell(Method.JSON, address[:254], str(error))
            return None
        rules = self._of.rules
        for probe in probes(domain, root_domain=rules.root_domain, plain_http=rules.plain_http):
            found = self._of_probe(replace(probe, confirmed=trusted), address, domain)
            if found is not None or self._ended():
                return found
        return None

    def _ended(self) -> bool:
        return self._settled or self._redirects > MOST_REDIRECTS or len(self.asked) >= _MOST_ASKED or self._of.over()

    def _of_probe(self, probe: Probe, address: str, domain: str) -> tuple[str, Method] | None:
        match probe.method:
            case Method.SRV:
                return self._of_records(probe, address, domain)
            case Method.REDIRECT:
                return self._of_redirect(probe, address, domain)
            case Method.JSON | Method.SOAP | Method.POX:
                return self._of_url(probe.method, probe.url(address), address, domain, confirmed=probe.confirmed)
            case _:
                assert_never(probe.method)

    def _of_records(self, probe: Probe, address: str, domain: str) -> tuple[str, Method] | None:
        name = probe.url(address)
        try:
            records = list(in_order(self._of.outside.records(name), self._of.random))
        except ReconcileError as error:
            self._tell(Method.SRV, name, error.message)
            return None
        if not records:
            self._tell(Method.SRV, name, "there is no such record")
        for record in records:
            where = f"{record.target}:{record.port}"
            # Whoever holds the domain's DNS names the port as well.
            self._ports.add(record.port)
            why = self._refusal(domain, f"https://{where}/") if record.target else "says that there is no such service"
            if why:
                self._tell(Method.SRV, name, f"the record {why}")
                continue
            self._tell(Method.SRV, name, f"names {where}", ok=True)
            for each in of_host(where if record.port != 443 else record.target, confirmed=probe.confirmed):
                found = self._of_probe(each, address, domain)
                if found is not None or self._ended():
                    return found
        return None

    def _of_redirect(self, probe: Probe, address: str, domain: str) -> tuple[str, Method] | None:
        url = probe.url(address)
        why = self._refusal(domain, url, scheme="http")
        if why:
            self._tell(Method.REDIRECT, url, f"it {why}")
            return None
        try:
            with _closing(self._conversation(url, domain)) as conversation:
                reply = conversation.ask(None, {})
        except ReconcileError as error:
            self._tell(Method.REDIRECT, url, error.message)
            return None
        if not reply.location:
            self._tell(Method.REDIRECT, url, f"answers {reply.status}, which leads nowhere")
            return None
        self._tell(Method.REDIRECT, url, f"leads to {_shown(reply.location)}", ok=True)
        return self._led_to(reply.location, address, domain, trusted=False)

    def _led_to(self, url: str, address: str, domain: str, *, trusted: bool) -> tuple[str, Method] | None:
        """Another URL for the same mailbox. Without trust (it came over plain http) no credentials go there, unless confirmed before."""
        self._redirects += 1
        if self._redirects > MOST_REDIRECTS:
            self._tell(Method.SOAP, _shown(url), f"after {MOST_REDIRECTS} redirects nobody is followed further")
            return None
        why = self._refusal(domain, url)
        if why:
            self._tell(Method.REDIRECT, _shown(url), f"is not asked: it {why}")
            return None
        host = host_of(url)
        confirmed = trusted or host in self._of.rules.confirmed
        lower = url.lower()
        if lower.endswith((".svc", ".xml")):
            # Its own form first; the host's others are asked without credentials before that.
            method = Method.SOAP if lower.endswith(".svc") else Method.POX
            found = self._of_url(
                Method.JSON, Probe(method=Method.JSON, host=_netloc(url)).url(address), address, domain, confirmed=confirmed
            )
            if found is not None or self._ended():
                return found
            return self._of_url(method, url, address, domain, confirmed=confirmed)
        if "/autodiscover.json" in lower:
            return self._of_url(Method.JSON, url, address, domain, confirmed=confirmed)
        self._tell(Method.REDIRECT, _shown(url), "is no address of Autodiscover")
        return None

    def _of_url(self, method: Method, url: str, address: str, domain: str, *, confirmed: bool) -> tuple[str, Method] | None:
        if (method, url, address) in self._seen or _netloc(url) in self._away or self._ended():
            return None
        self._seen.add((method, url, address))
        why = self._refusal(domain, url)
        if why:
            self._tell(method, _shown(url), f"is not asked: it {why}")
            return None
        shows = method is not Method.JSON and self._of.sign_in is not None
        if method is not Method.JSON and (self._of.sign_in is None or not confirmed):
            unknown = "an answer over plain http led there, and nobody has confirmed it"
            words = "there is nothing to sign in with" if self._of.sign_in is None else unknown
            self._tell(method, url, f"is not asked: {words}")
            return None
        try:
            answer = self._answer(method, url, address, domain)
        except ReconcileError as error:
            if isinstance(error, AuthenticationRejected | Unsupported):
                self.hint = self.hint or error.hint
            else:
                # Its other forms would meet the same.
                self._away.add(_netloc(url))
            self._tell(method, url, error.message, secured=shows)
            return None
        except Unreadable as error:
            self._tell(method, url, str(error), secured=shows)
            return None
        return self._taken(method, url, answer, address, domain, shows=shows, confirmed=confirmed)

    def _taken(
        self, method: Method, url: str, answer: Answer, address: str, domain: str, *, shows: bool, confirmed: bool
    ) -> tuple[str, Method] | None:
        match answer:
            case Address(url=found):
                why = self._refusal(domain, found) or self._refusal_of_host(found, domain)
                if why:
                    self._tell(method, url, f"names {_shown(found)}, which is not taken: it {why}", secured=shows)
                    return None
                self._tell(method, url, f"names {found}", ok=True, secured=shows)
                return found, method
            case OtherUrl(url=other):
                self._tell(method, url, f"leads to {_shown(other)}", ok=True, secured=shows)
                return self._led_to(other, address, domain, trusted=confirmed)
            case OtherAddress(address=other):
                return self._other_address(method, url, other, domain, shows=shows, confirmed=confirmed)
            case Nothing(why=why, settled=settled):
                self._settled = self._settled or settled
                self._tell(method, url, why, secured=shows)
                return None
            case _:
                assert_never(answer)

    def _other_address(
        self, method: Method, url: str, other: str, domain: str, *, shows: bool, confirmed: bool
    ) -> tuple[str, Method] | None:
        self._redirects += 1
        try:
            target = ascii_domain(other)
        except ValueError:
            self._tell(method, url, "leads to something that is no mail address", secured=shows)
            return None
        if not self._policy(domain).names(target):
            self.led_elsewhere = True
            self._tell(method, url, f"leads to an address at {target}, which is neither below {domain} nor declared", secured=shows)
            return None
        self._tell(method, url, f"leads to the address {_shown(other)}", ok=True, secured=shows)
        return None if self._ended() else self.of_address(other, trusted=confirmed)

    def _answer(self, method: Method, url: str, address: str, domain: str) -> Answer:
        """Raises ReconcileError, Unreadable."""
        body = {Method.SOAP: lambda: soap_question(address, url), Method.POX: lambda: pox_question(address)}.get(method, lambda: None)()
        with _closing(self._conversation(url, domain)) as conversation:
            if body is None:
                reply = conversation.ask(None, {"Accept": "application/json"})
            else:
                reply = signed_in(self._of.sign_in, host_of(url), lambda headers: conversation.ask(body, {**_FORM, **headers}))
        if reply.location:
            return OtherUrl(url=reply.location)
        if reply.status != 200 and not (method is Method.SOAP and reply.status == 500):
            return Nothing(why=f"answers {reply.status}")
        match method:
            case Method.JSON:
                return json_answer(reply.content)
            case Method.SOAP:
                return soap_answer(reply.content)
            case _:
                return pox_answer(reply.content)

    def _refusal_of_host(self, url: str, domain: str) -> str:
        """The found server is looked at as any host that is asked: what it resolves to must be allowed."""
        host, policy = host_of(url), self._policy(domain)
        try:
            addresses = self._of.outside.resolve(host, 443)
        except (OSError, UnicodeError):
            return ""  # not known here, perhaps elsewhere: whoever connects will see
        return next((why for each in addresses if (why := policy.refusal_of_address(each))), "")

    def _conversation(self, url: str, domain: str) -> Conversation:
        return Conversation(
            url,
            allowed=self._policy(domain).refusal_of_address,
            resolve=self._of.outside.resolve,
            timeout=self._of.timeout,
            https_port=self._of.outside.https_port,
            http_port=self._of.outside.http_port,
            authority=self._of.authority,
            client=self._of.client,
        )

    def _refusal(self, domain: str, url: str, *, scheme: str = "https") -> str:
        """As `HostPolicy.refusal_of_url`; that it is for the name of a host is kept for the hint."""
        policy, host = self._policy(domain), host_of(url)
        why = policy.refusal_of_url(url, scheme=scheme)
        self.led_elsewhere = self.led_elsewhere or bool(why and host and not policy.names(host))
        return why

    def _policy(self, domain: str) -> HostPolicy:
        rules = self._of.rules
        return HostPolicy(domain=domain, hosts=rules.hosts, private_networks=rules.private_networks, ports=frozenset(self._ports))

    def _tell(self, method: Method, where: str, words: str, *, ok: bool = False, secured: bool = False) -> None:
        self.asked.append(Asked(method=method, where=where, words=words, ok=ok, secured=secured))


class _closing:
    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def __enter__(self) -> Conversation:
        return self._conversation

    def __exit__(self, *_: object) -> None:
        self._conversation.close()


def _netloc(url: str) -> str:
    return urlsplit(url).netloc.lower()


def _shown(text: str) -> str:
    """A stranger's text, cut, without what could move a terminal's cursor or show a password."""
    plain = "".join(character if character.isprintable() else "?" for character in text[:300])
    before, at, after = plain.partition("@")
    return f"{before.split('//')[0]}//…@{after}" if at and "//" in before and "/" not in before.split("//", 1)[1] else plain


def steps(discovery: Discovery) -> Iterator[str]:
    """For a person: one line a step."""
    for each in discovery.asked:
        yield f"{each.method}  {each.where}  {each.words}{' (signed in)' if each.secured else ''}"
