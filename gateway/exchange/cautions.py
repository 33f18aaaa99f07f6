"""What in a consent may mean something else than its author thinks, told when it is recorded (consent.md 14).

Beside what its text shows: a tie with another of her consents, and a giver who has no right to give it.
"""

from dataclasses import replace

from sqlalchemy import Connection

from consent.directory import Directory
from consent.interface import StoredConsent
from consent.lint import TIE, WITHOUT_RIGHT, Caution, cautions_of_consent, tied
from consent.person import may_consent
from consent.record import ConsentView, consent_from_stored
from consent.request import AccessRequest
from gateway.exchange.act import Act
from gateway.exchange.node import Node
from gateway.exchange.policy import read_policy


def presumes(node: Node) -> bool:
    """Whether the law here presumes consent to some purpose, so that silence permits."""
    return any(rule.mode == "OPT_OUT" for rule in node.floor.rules)


async def cautions_of(node: Node, stored: StoredConsent, act: Act) -> tuple[Caution, ...]:
    """Of a version that was, or would be, recorded."""
    return await node.database.read(lambda c: _cautions(c, node, stored, act))


def _cautions(connection: Connection, node: Node, stored: StoredConsent, act: Act) -> tuple[Caution, ...]:
    request = AccessRequest("caution", stored.subject, node.member, ("TREAT",), act.at)
    policy = read_policy(connection, node, stored.subject, request)
    view = consent_from_stored(replace(stored, subject=stored.subject), own=node.organisations)
    newest = {one.id: one for one in sorted(policy.consents, key=lambda one: one.version)}
    others = [one for id, one in newest.items() if id != view.id]
    found = [*cautions_of_consent(view, opt_out=presumes(node))]
    found += [TIE] if tied([view, *others])[0] else []
    if view.root.type == "permit" and not _given_by_right(view, policy.directory, node.floor.parental_until):
        found.append(WITHOUT_RIGHT)
    return tuple(found)


def _given_by_right(view: ConsentView, directory: Directory, parental_until: int) -> bool:
    if not view.performers or view.patient is None or view.given is None:
        return True
    return any(
        giver == view.patient
        or (giver is not None and may_consent(giver, view.patient, view.given, directory, parental_until))
        for giver in view.performers
    )
