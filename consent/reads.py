"""Which facts of a resource a question can turn on at all: resources that agree in them get one decision.

Read from the rules, not from a run: what some provision, term or rule asks of a resource is named here beside
what every question reads. Elements with labels of their own, and rules that mask elements, are decided apart.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any

from consent.agreement import SharingAgreement
from consent.facts import Facts
from consent.provision import Provision
from consent.record import ConsentView
from consent.source_rules import SourceRule

_ALWAYS = ("type", "custodian", "patients", "labels", "received_under")
_DATES = ("dated", "start", "end")
_BY_ELEMENT = {
    "classes": ("profiles",),
    "data_period": _DATES,
    "codes": ("principal", "codes", "text_only"),
    "data": ("ref", "references", "authors", "ancestors"),
}


def key_of_facts(
    agreements: Sequence[SharingAgreement], consents: Iterable[ConsentView], rules: Iterable[SourceRule]
) -> Callable[[Facts], Any] | None:
    """What makes two resources alike for these rules; None if only the whole resource does."""
    terms = [term for agreement in agreements for term in agreement.terms]
    if any(term.elements_redacted for term in terms) or any(rule.effect == "redact" for rule in rules):
        return None
    read = {name for view in consents for name in _read(view.root)}
    if any(term.lookback_days is not None for term in terms):
        read.update(_DATES)
    return attrgetter(*_ALWAYS, *sorted(read))


def _read(rule: Provision) -> Iterator[str]:
    for element, names in _BY_ELEMENT.items():
        if getattr(rule, element) is not None:
            yield from names
    for child in rule.children:
        yield from _read(child)
