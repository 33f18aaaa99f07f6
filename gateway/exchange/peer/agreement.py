"""Which sharing agreement stands between this node and another member (consent.md 5)."""

from collections.abc import Iterable

from sqlalchemy import Connection

from consent.agreement import SharingAgreement, agreement_from_stored
from consent.errors import Uncomputable
from consent.store.sql import SQLAgreementRegistry
from gateway.exchange.node import Node
from gateway.exchange.policy import EVER


def named_agreement(connection: Connection, node: Node, ref: str, member: str) -> SharingAgreement | None:
    """The agreement `id@version` that a member names, if it and this node are parties; whatever its state.

    Whether it is in force for what is asked is decided per custodian, by the plan.
    """
    return next((one for one in _between(connection, node, member) if one.ref == ref), None)


def newest_agreement(connection: Connection, node: Node, member: str) -> SharingAgreement | None:
    """The newest agreement between the two, for questions that are about no patient (exchange.md)."""
    return max(
        _between(connection, node, member), key=lambda one: (one.start, one.id, one.version), default=None
    )


def _between(connection: Connection, node: Node, member: str) -> Iterable[SharingAgreement]:
    directory = node.directory().register.consent
    theirs = set(directory.chain(member))
    ours = {one for org in (node.member, *node.organisations) for one in directory.chain(org)}
    for stored in SQLAgreementRegistry(connection).known(as_of=EVER):
        try:
            found = agreement_from_stored(stored)
        except Uncomputable:
            continue
        sides = ((found.providers, found.recipients), (found.recipients, found.providers))
        if any(one & theirs and other & ours for one, other in sides):
            yield found
