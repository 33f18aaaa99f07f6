"""PV2 to what it adds to an Encounter (v2-to-FHIR PV2[Encounter]); the movement that ZBE tells (IHE PAM)."""

from adapters.hospital.codes import concept_from_cwe, concept_from_table, table
from adapters.hospital.context import Draft
from adapters.hospital.message import Segment
from adapters.hospital.people import location_from_pl, practitioner_from_xcn
from adapters.hospital.periods import period_between
from adapters.hospital.segments.tq1 import UCUM
from adapters.hospital.values import number_from
from adapters.identity import is_fhir_id
from adapters.interface import JSON

_R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter."
_ARRIVAL = "http://hl7.org/fhir/StructureDefinition/encounter-modeOfArrival"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_STAYS = frozenset({"INSERT", "UPDATE"})


def fill_from_pv2(draft: Draft, pv2: Segment) -> None:
    """Reason, planned times, length, referrer, priority, arrival and where the patient was expected."""
    context = draft.context
    draft.append("reasonCode", concept_from_cwe(context, pv2.first(3)))
    for number, name in ((8, "plannedStartDate"), (9, "plannedEndDate")):
        planned = draft.time(pv2.first(number), name)
        draft.append("extension", {"url": f"{_R5}{name}", "valueDateTime": planned} if planned else None)
    days = number_from(pv2.text(11))
    if days is not None and days >= 0:
        pv2.first(11).take(1)
        draft.put("length", {"value": days, "unit": "d", "system": UCUM, "code": "d"})
    for element in pv2.all(13):
        who = practitioner_from_xcn(draft, element, "participant")
        kind = {"coding": [{"system": _PARTICIPATION, "code": "REF", "display": "referrer"}]}
        draft.append("participant", {"type": [kind], "individual": who} if who else None)
    draft.put("priority", concept_from_table(context, pv2.first(25), "v2_encounter_priority", table("0217")))
    arrival = concept_from_cwe(context, pv2.first(38), table("0430")) or {}
    coding = next(iter(arrival.get("coding", ())), None)
    draft.append("extension", {"url": _ARRIVAL, "valueCoding": coding} if coding else None)
    where = location_from_pl(draft, pv2.first(1))
    draft.append("location", {"location": where, "status": "planned"} if where else None)


def place_movement(encounter: Draft, zbe: Segment) -> None:
    """ZBE of a movement that stands: its times and id on the present place; a cancelled one stays raw."""
    places = [one for one in encounter.body.get("location", ()) if one.get("status") != "reserved"]
    if zbe.text(4).upper() not in _STAYS or not places:
        return
    zbe.first(4).take(1)
    here: JSON = places[0]
    period = period_between(encounter, (zbe.first(2), 1), (zbe.first(3), 1), "location.period")
    number = zbe.text(1)
    if is_fhir_id(number):
        here["id"] = zbe.first(1).take(1)
    if period:
        here["period"] = period
    if zbe.text(7) and "display" in here["location"]:
        ward = zbe.first(7).take(1)
        encounter.append("location", {"location": {"display": ward}, "status": here["status"]})
