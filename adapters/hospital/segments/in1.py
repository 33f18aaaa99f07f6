"""IN1 to Coverage (v2-to-FHIR IN1[Coverage])."""

from adapters.hospital.codes import concept_from_cwe, concept_from_table, table
from adapters.hospital.context import ABSENT, Context, Draft
from adapters.hospital.identifiers import identifier_from_cx
from adapters.hospital.message import Segment
from adapters.hospital.people import (
    address_from_xad,
    name_from_xpn,
    organization_from_xon,
    telecom_from_xtn,
    text_of_name,
)
from adapters.hospital.periods import period_between
from adapters.interface import JSON

_CLASS = "http://terminology.hl7.org/CodeSystem/coverage-class"


def coverage_from_in1(context: Context, in1: Segment, patient: Draft) -> Draft:
    """Coverage by policy number and company (IN1-36, IN1-3), else patient, plan and company."""
    policy = in1.text(36)
    company = in1.text(3) or in1.first(4).text(1)
    parts = (policy, company) if policy else (patient.id, in1.text(2), company)
    draft = context.draft("Coverage", "\x1f".join(("in1", *parts)))
    for number in (36, 49):
        for element in in1.all(number):
            found = identifier_from_cx(draft, element)
            draft.append("identifier", found.body if found else None)
    draft.put("status", "active")
    draft.assume(f"{in1.position}-13", "status", "active")
    draft.put("type", concept_from_cwe(context, in1.first(15), table("0086")))
    _holders(draft, in1, patient)
    draft.put("subscriberId", in1.text(49) or policy)
    draft.put("beneficiary", patient.link())
    draft.put("relationship", concept_from_table(context, in1.first(17), "v2_relationship", table("0063")))
    draft.put("period", period_between(draft, (in1.first(12), 1), (in1.first(13), 1), "period"))
    draft.put("payor", [_payor(draft, in1)])
    _classes(draft, in1)
    return context.add(draft)


def _holders(draft: Draft, in1: Segment, patient: Draft) -> None:
    """IN1-11: who holds the policy; IN1-16: the subscriber, the patient herself if IN1-17 says so."""
    draft.put("policyHolder", organization_from_xon(draft, in1.first(11)))
    name = name_from_xpn(draft, in1.first(16), "subscriber")
    if in1.text(17).upper() in ("SEL", "SELF", "18", "01"):
        draft.put("subscriber", patient.link(text_of_name(name)))
    elif name:
        inside: JSON = {"resourceType": "RelatedPerson", "patient": patient.link(), "name": [name]}
        born = draft.time(in1.first(18), "subscriber.birthDate")
        inside |= {"birthDate": born[:10]} if born else {}
        home = address_from_xad(draft, in1.first(19), "subscriber.address")
        inside |= {"address": [home]} if home else {}
        draft.put("subscriber", draft.contain(inside, text_of_name(name)))


def _payor(draft: Draft, in1: Segment) -> JSON:
    """The company: a resource if IN1-3 numbers it, else contained, else absent with its reason."""
    context = draft.context
    number = identifier_from_cx(draft, in1.first(3))
    if number is None:
        made = organization_from_xon(draft, in1.first(4))
        return made or {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}
    company = context.draft("Organization", number.key)
    name = in1.first(4).take(1)
    company.put("identifier", [number.body])
    company.put("name", name)
    for element in in1.all(5):
        company.append("address", address_from_xad(company, element, "address"))
    for element in in1.all(7):
        company.append("telecom", telecom_from_xtn(company, element, "telecom", "work"))
    return context.add(company).link(name)


def _classes(draft: Draft, in1: Segment) -> None:
    """IN1-2 the plan, IN1-8 and 9 the group."""
    for kind, value, name in (
        ("plan", in1.first(2).take(1), in1.first(2).take(2)),
        ("group", in1.first(8).take(1), in1.first(9).take(1)),
    ):
        if value or name:
            made: JSON = {"type": {"coding": [{"system": _CLASS, "code": kind}]}, "value": value or name}
            draft.append("class", made | ({"name": name} if name and value else {}))
