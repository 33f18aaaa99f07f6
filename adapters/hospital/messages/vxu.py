"""VXU: each RXA an Immunization, each OBX of its order an Observation that is part of it.

What the registries' guide asks by LOINC is stated in the Immunization too: funding, eligibility, dose number,
information statements, reactions.
"""

from collections import Counter
from functools import partial

from adapters.hospital.context import Context, Draft
from adapters.hospital.groups import Order, Person
from adapters.hospital.messages.adt import SEGMENTS as PATIENT_SEGMENTS
from adapters.hospital.messages.adt import map_clinical
from adapters.hospital.messages.order import map_orders, remember
from adapters.hospital.messages.person import Known, attempt_in
from adapters.hospital.segments.obx import Setting, equals_of, observation_from_obx
from adapters.hospital.segments.rxa import Shot, immunization_from_rxa, route_from_rxr
from adapters.interface import JSON

SEGMENTS = PATIENT_SEGMENTS | {"ORC", "RXA", "RXR", "NTE"}
_LOINC = "http://loinc.org"
_ELIGIBILITY, _FUNDING, _DOSE, _REACTION = "64994-7", "30963-3", "30973-2", "31044-1"
_STATEMENT = {"69764-9": "documentType", "29768-9": "publicationDate", "29769-7": "presentationDate"}


def map_immunizations(context: Context, person: Person, known: Known) -> None:
    """All order groups of a patient, each a unit; the rest as in ADT."""
    map_clinical(context, person, known)
    numbers = Counter(order.orc.raw_field(3) for order in person.orders if order.orc is not None)
    repeated = frozenset(number for number, times in numbers.items() if times > 1)
    map_orders(context, person, known, partial(_order, repeated))


def _order(repeated: frozenset[str], context: Context, order: Order, known: Known) -> None:
    number = order.orc.raw_field(3) if order.orc else ""
    shots = order.all("RXA")
    shot = Shot(known.patient, known.encounter, order, number in repeated or len(shots) > 1)
    made: Draft | None = None
    for rxa in shots:
        given = attempt_in(context, known.patient, rxa, partial(immunization_from_rxa, context, rxa, shot))
        if given is not None:
            for rxr in order.all("RXR"):
                route_from_rxr(given, rxr)
        made = made or given
    if made is not None:
        remember(context, made, order.orc)
    _observations(context, order, known, made)


def _observations(context: Context, order: Order, known: Known, shot: Draft | None) -> None:
    key = shot.id if shot else f"{known.patient.id}\x1f{order.orc.raw_field(3) if order.orc else ''}"
    setting = Setting(known.patient, known.encounter, key)
    seen: Counter[tuple[str, str, str]] = Counter()
    statements: dict[str, JSON] = {}
    for result in order.results:
        obx = result.segment
        same = (*equals_of(obx), "" if shot else obx.raw_field(14))
        seen[same] += 1
        build = partial(observation_from_obx, context, result, setting, seen[same])
        observation = attempt_in(context, shot or known.patient, obx, build)
        if observation is not None and shot is not None:
            observation.put("partOf", [shot.link()])
            _state(shot, observation, statements.setdefault(obx.raw_field(4), {}))
    if shot is not None:
        # imm-1: a date alone says nothing of a document; it stays in its Observation
        shot.append("education", *(one for one in statements.values() if "documentType" in one))


def _state(shot: Draft, observation: Draft, statement: JSON) -> None:
    """An observation whose LOINC code has an element of Immunization."""
    body = observation.body
    codes = [c["code"] for c in body["code"].get("coding", ()) if c.get("system") == _LOINC]
    code = codes[0] if codes else ""
    if code == _ELIGIBILITY:
        shot.append("programEligibility", body.get("valueCodeableConcept"))
    elif code == _FUNDING and "valueCodeableConcept" in body:
        shot.put("fundingSource", body["valueCodeableConcept"])
    elif code == _DOSE:
        number = body.get("valueQuantity", {}).get("value")
        if number is not None and number == int(number) and number > 0:
            shot.append("protocolApplied", {"doseNumberPositiveInt": int(number)})
    elif code == _REACTION:
        shot.append("reaction", {"detail": observation.link()})
    elif code in _STATEMENT:
        statement.update(_education(_STATEMENT[code], body))


def _education(name: str, body: JSON) -> JSON:
    if name != "documentType":
        return {name: body["valueDateTime"]} if "valueDateTime" in body else {}
    concept = body.get("valueCodeableConcept", {})
    words = next((c["code"] for c in concept.get("coding", ())), "") or concept.get("text", "")
    return {name: words} if words else {}
