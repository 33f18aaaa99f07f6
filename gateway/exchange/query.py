"""The op `query`, answering side: another member's node asks for records of a subject (exchange.md, 7 to 10).

1. The question is read strictly: one purpose, the one that the manifest names; an organisation that is the
   member or below it; types that are carried. What it names beyond (a mandate) is discarded.
2. It is framed as any other question, with the member as caller, and runs the same cycle over own sources.
3. The answer is sealed to the reply key of the request: denied, no match and break-glass only look the same.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from adapters.interface import Identifier
from consent.errors import Uncomputable
from consent.request import AccessRequest, access_request_from_json
from gateway.authn.caller import Caller
from gateway.authn.claims import EMERGENCY, SELF_ACCESS, Emergency
from gateway.errors import Problem
from gateway.exchange.cycle import exchange
from gateway.exchange.frame import NOBODY
from gateway.exchange.node import Node
from gateway.exchange.peer.operations import PeerRequest
from gateway.exchange.request import Ask, AskedBy, SealTo
from gateway.exchange.types import CLINICAL
from keys.envelope.recipient import recipient_from_request

MAX_IDENTIFIERS = 16
MAX_WAIT = 60.0
"""Seconds that a question keeps our sources busy at most."""
_PERSON = re.compile(r"[^\s|#]{1,200}\|[^\s|#]{1,128}").fullmatch
_SUBJECT = frozenset(("identifier", "name", "birthDate", "gender"))


async def answer_query(node: Node, request: PeerRequest) -> bytes:
    """The sealed Bundle. Raises `Problem`, `Spent`, `EnvelopeRefused`."""
    ask = _framed(node, request)  # 1, 2
    return (await exchange(node, ask)).body  # 3


def _framed(node: Node, request: PeerRequest) -> Ask:
    content = request.content
    if any(content.get(name) is not None for name in ("start", "end", "since")):
        # A narrowing that is not kept would send more than was asked for.
        raise Problem("not_supported", expression="start, end, since")
    identifiers = _identifiers(content["subject"])
    access, person = _access(content["access"])
    register = node.directory().register
    if not register.is_under(access.org, request.member):
        raise Problem("forbidden", hint="an organisation that is not the member's")
    if access.purpose != (request.manifest.pou,):
        raise Problem("invalid", expression="access.purpose")
    return Ask(
        exchange=node.entropy(16).hex(),
        caller=_caller(request.member, access, person, identifiers[0]),
        subject=identifiers[0],
        types=_types(content["types"]),
        shape="query",
        at=node.clock(),
        deadline=min(request.deadline, MAX_WAIT),
        self_url=f"{node.base}/Patient/$everything",
        seal=SealTo(
            recipient_from_request(request.manifest), request.md, request.suite, request.manifest.exp
        ),
        more=identifiers[1:],
        asked_by=AskedBy(request.member, access.id, request.spend),
    )


def _caller(member: str, access: AccessRequest, person: str | None, about: Identifier) -> Caller:
    """The member as caller. It proved who asks; here its word is held against our own register and rules."""
    purpose = access.purpose[0]
    stated = access.emergency is not None and access.emergency.stated
    if (stated and purpose not in EMERGENCY) or (person is not None) != (purpose in SELF_ACCESS):
        raise Problem("invalid", expression="access")
    emergency = None
    if stated and access.emergency is not None:
        emergency = Emergency(access.emergency.reason, f"{about.system}|{about.value}")
    return Caller(
        client=member,
        organisation=access.org,
        purpose=purpose,
        scopes=(),
        practitioner=access.practitioner,
        person=person,
        roles=access.roles,
        emergency=emergency,
    )


def _access(value: Any) -> tuple[AccessRequest, str | None]:
    """The flat JSON of consent.md 1 without `subject`; `person` and `practitioner` are `system|value`."""
    if not isinstance(value, Mapping) or "subject" in value:
        raise Problem("invalid", expression="access")
    person = value.get("person")
    if person is not None and not (isinstance(person, str) and _PERSON(person)):
        raise Problem("invalid", expression="access.person")
    flat = {name: item for name, item in value.items() if name != "person"} | {"subject": NOBODY}
    try:
        access = access_request_from_json(flat)
    except Uncomputable:
        raise Problem("invalid", expression="access") from None
    if len(access.id) > 64 or not access.id.isascii() or len(access.purpose) != 1:
        raise Problem("invalid", expression="access")
    return replace(access, as_of=None, mandate=None), person


def _identifiers(subject: Any) -> tuple[Identifier, ...]:
    if not isinstance(subject, Mapping) or subject.keys() - _SUBJECT:
        raise Problem("invalid", expression="subject")
    named = subject.get("identifier")
    if not isinstance(named, list) or not 1 <= len(named) <= MAX_IDENTIFIERS:
        raise Problem("invalid", expression="subject.identifier")
    return tuple(dict.fromkeys(_identifier(one) for one in named))


def _identifier(value: Any) -> Identifier:
    said = value if isinstance(value, Mapping) else {}
    system, number = said.get("system"), said.get("value")
    if not (isinstance(system, str) and isinstance(number, str) and system.strip() and number.strip()):
        raise Problem("invalid", expression="subject.identifier")
    if len(system) + len(number) > 512 or not (system + number).isprintable():
        raise Problem("invalid", expression="subject.identifier")
    return Identifier(system.strip(), number.strip())


def _types(value: Any) -> tuple[str, ...]:
    """Those of the types asked for that an exchange carries here; a newer node may know more."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Problem("invalid", expression="types")
    found = tuple(kind for kind in CLINICAL if kind in value)
    if not found:
        raise Problem("invalid", expression="types")
    return found
