"""Documents and orders that a message replaces (S27, S30): the old one is in the message too, as a stub.

The stub fills in nothing that is known; it carries the link by which the old one is superseded or revoked,
whichever of the two comes first.
"""

from collections.abc import Iterator

from adapters.hospital.acts import REPLACED_BY, Act
from adapters.hospital.context import ABSENT, Context, Draft
from adapters.interface import JSON

_ABSENT_CONTENT = [{"attachment": {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}}]


def link_replaced(context: Context) -> None:
    """Once all is mapped: a stub and a link for whatever a resource of the message replaces."""
    for new in list(context.drafts.values()):
        for target, key in _targets(new):
            old = context.draft(new.type, key)
            if old.reference == new.reference:
                continue
            target["reference"] = old.reference
            if old.reference not in context.drafts:
                _add_stub(context, old, new, target["identifier"])
            before = context.acts.get(old.reference, Act(stub=True))
            links = {**before.links, new.reference: {"type": REPLACED_BY}}
            context.acts[old.reference] = Act(links=links, stub=before.stub)


def _targets(new: Draft) -> Iterator[tuple[JSON, str]]:
    """References by identifier to what `new` replaces, each with the key of that."""
    if new.type == "DocumentReference":
        for relation in new.body.get("relatesTo", ()):
            if relation.get("code") == "replaces" and "identifier" in relation["target"]:
                yield relation["target"], _key(relation["target"]["identifier"])
    elif new.type == "ServiceRequest":
        for target in new.body.get("replaces", ()):
            if "identifier" in target:
                yield target, f"{_key(target['identifier'])}\x1f{_service(new.body)}"


def _add_stub(context: Context, old: Draft, new: Draft, identifier: JSON) -> None:
    if old.type == "DocumentReference":
        old.put("masterIdentifier", dict(identifier))
        old.put("status", "current")
        old.put("subject", new.body.get("subject"))
        old.put("content", [dict(one) for one in _ABSENT_CONTENT])
    else:
        old.put("identifier", [dict(identifier)])
        old.put("status", "unknown")
        old.put("intent", "order")
        old.put("subject", new.body.get("subject"))
    context.add(old)
    context.acts[old.reference] = Act(stub=True)


def _key(identifier: JSON) -> str:
    return f"{identifier.get('system', '')}|{identifier['value']}"


def _service(request: JSON) -> str:
    """OBR-4 as part of an order's key: a replacement is taken to be of the same service."""
    code = request.get("code", {})
    codings = code.get("coding") or [{}]
    return str(codings[0].get("code") or code.get("text") or "")
