"""SRV records: the order in which they are taken (RFC 2782), and asking DNS for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from reconcile.errors import Unavailable
from reconcile.lazy_dataclass import dataclass

#: More than any domain needs.
_MOST: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRecord:
    """`target` is lower case without its last dot; "" says that there is no such service (RFC 2782: a root target)."""

    priority: int
    weight: int
    port: int
    target: str


def in_order(records: Sequence[ServiceRecord], random: Callable[[], float]) -> Iterator[ServiceRecord]:
    """The lowest priority first; among equals by lot, by weight. `random` gives numbers from 0 to below 1."""
    for priority in sorted({each.priority for each in records}):
        left = sorted((each for each in records if each.priority == priority), key=lambda each: (each.weight, each.target, each.port))
        while left:
            lot, so_far, chosen = random() * sum(each.weight for each in left), 0, 0
            for position, each in enumerate(left):
                so_far += each.weight
                if lot < so_far or position == len(left) - 1:
                    chosen = position
                    break
            yield left.pop(chosen)


def service_records(name: str, *, timeout: float) -> list[ServiceRecord]:
    """What DNS has; empty where it has none. Raises Unavailable when it cannot be asked."""
    import dns.exception
    import dns.resolver

    try:
        answer = dns.resolver.resolve(name, "SRV", lifetime=timeout, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as error:
        raise Unavailable(f"DNS does not say where {name} is: {type(error).__name__}", hint="Check the DNS of this host.") from None
    return [
        ServiceRecord(priority=each.priority, weight=each.weight, port=each.port, target=each.target.to_text(omit_final_dot=True).lower())
        for each in list(answer)[:_MOST]
    ]
