"""NK1 to RelatedPerson."""

from adapters.hospital.codes import concept_from_table, table
from adapters.hospital.context import Context, Draft
from adapters.hospital.identifiers import identifier_from_cx
from adapters.hospital.message import Segment
from adapters.hospital.people import address_from_xad, name_from_xpn, telecom_from_xtn
from adapters.hospital.periods import period_between


def related_person_from_nk1(context: Context, nk1: Segment, patient: Draft) -> Draft | None:
    """RelatedPerson by NK1-33, else by patient, name and relationship; None if it names nobody."""
    draft = context.scratch("RelatedPerson")
    identifiers = [one for element in nk1.all(33) if (one := identifier_from_cx(draft, element))]
    names = [name for element in nk1.all(2) if (name := name_from_xpn(draft, element, "name"))]
    if not names and not identifiers:
        return None
    key = identifiers[0].key if identifiers else _key_of(nk1, patient)
    made = context.draft("RelatedPerson", key)
    made.tags = draft.tags
    made.put("identifier", [one.body for one in identifiers])
    made.put("patient", patient.link())
    for field, kind, number in ((3, "v2_relationship", "0063"), (7, "v2_contact_role", "0131")):
        for element in nk1.all(field):
            made.append("relationship", concept_from_table(context, element, kind, table(number)))
    made.put("name", names)
    for field, use in ((5, "home"), (6, "work"), (40, "")):
        for element in nk1.all(field):
            made.append("telecom", telecom_from_xtn(made, element, "telecom", use))
    made.put("gender", made.code(nk1.first(15), "v2_administrative_sex", "gender"))
    born = made.time(nk1.first(16), "birthDate")
    made.put("birthDate", born[:10] if born else None)
    for element in nk1.all(4):
        made.append("address", address_from_xad(made, element, "address"))
    made.put("period", period_between(made, (nk1.first(8), 1), (nk1.first(9), 1), "period"))
    return context.add(made)


def _key_of(nk1: Segment, patient: Draft) -> str:
    return "\x1f".join(("nk1", patient.id, nk1.first(2).raw, nk1.text(3)))
