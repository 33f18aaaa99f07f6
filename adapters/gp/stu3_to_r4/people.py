"""Patient, RelatedPerson, Practitioner, PractitionerRole, Organization, Location."""

import re
from typing import Any

from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.datatypes import address, attachment, human_name, telecom
from adapters.gp.stu3_to_r4.elements import codeable, coding, compound, identifier, kinds, period, reference
from adapters.gp.stu3_to_r4.fields import choice, listed, many, no_target, one
from adapters.gp.stu3_to_r4.resource import supply_subject, table
from adapters.gp.unit import Unit
from adapters.interface import JSON

_contact = compound(
    many("relationship", codeable),
    one("name", human_name),
    many("telecom", telecom),
    one("address", address),
    one("gender", p.enum("gender")),
    one("organization", reference),
    one("period", period),
)
_communication = compound(one("language", codeable), one("preferred", p.boolean), needs=("language",))
_link = compound(one("other", reference), one("type", p.enum("Patient.link.type")), needs=("other", "_type"))

PATIENT = table(
    "Patient",
    many("identifier", identifier),
    one("active", p.boolean),
    many("name", human_name),
    many("telecom", telecom),
    one("gender", p.enum("gender")),
    one("birthDate", p.date),
    choice("deceased", kinds("Boolean", "DateTime")),
    many("address", address),
    one("maritalStatus", codeable),
    choice("multipleBirth", kinds("Boolean", "Integer")),
    many("photo", attachment),
    many("contact", _contact),
    many("communication", _communication),
    many("generalPractitioner", reference),
    one("managingOrganization", reference),
    many("link", _link),
    no_target("animal"),
)
_SPOKEN = re.compile(
    r"https?://(?:www\.)?hl7\.org/fhir/(?:4\.0/StructureDefinition/extension-|R4/relatedperson-definitions\.html#)"
    r"RelatedPerson\.communication\.(language|preferred)\Z"
)
_SPOKEN_AS = {"language": "valueCodeableConcept", "preferred": "valueBoolean"}


def _finish_related(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    supply_subject(unit, r4, "patient")
    _adopt_communication(r4)


def _adopt_communication(r4: JSON) -> None:
    """`communication` is new in R4; one that came early, as extensions, goes where R4 has it."""
    named = [(found[1], one) for one in r4["extension"] if (found := _SPOKEN.match(one["url"]))]
    parts = {name: one[_SPOKEN_AS[name]] for name, one in named if _SPOKEN_AS[name] in one}
    if "language" not in parts or len(parts) != len(named):  # of two, which is preferred?
        return
    r4["communication"] = [parts]
    r4["extension"] = [one for one in r4["extension"] if all(one is not taken for _, taken in named)]


RELATED_PERSON = table(
    "RelatedPerson",
    many("identifier", identifier),
    one("active", p.boolean),
    one("patient", reference),
    listed("relationship", codeable),
    many("name", human_name),
    many("telecom", telecom),
    one("gender", p.enum("gender")),
    one("birthDate", p.date),
    many("address", address),
    many("photo", attachment),
    one("period", period),
    finish=_finish_related,
)
_qualification = compound(
    many("identifier", identifier),
    one("code", codeable),
    one("period", period),
    one("issuer", reference),
    needs=("code",),
)
PRACTITIONER = table(
    "Practitioner",
    many("identifier", identifier),
    one("active", p.boolean),
    many("name", human_name),
    many("telecom", telecom),
    many("address", address),
    one("gender", p.enum("gender")),
    one("birthDate", p.date),
    many("photo", attachment),
    many("qualification", _qualification),
    many("communication", codeable),
)
_available = compound(
    many("daysOfWeek", p.code),
    one("allDay", p.boolean),
    one("availableStartTime", p.clock_time),
    one("availableEndTime", p.clock_time),
)
PRACTITIONER_ROLE = table(
    "PractitionerRole",
    many("identifier", identifier),
    one("active", p.boolean),
    one("period", period),
    one("practitioner", reference),
    one("organization", reference),
    many("code", codeable),
    many("specialty", codeable),
    many("location", reference),
    many("healthcareService", reference),
    many("telecom", telecom),
    many("availableTime", _available),
    many("notAvailable", compound(one("description", p.string), one("during", period))),
    one("availabilityExceptions", p.string),
    many("endpoint", reference),
)
ORGANIZATION = table(
    "Organization",
    many("identifier", identifier),
    one("active", p.boolean),
    many("type", codeable),
    one("name", p.string),
    many("alias", p.string),
    many("telecom", telecom),
    many("address", address),
    one("partOf", reference),
    many(
        "contact",
        compound(
            one("purpose", codeable),
            one("name", human_name),
            many("telecom", telecom),
            one("address", address),
        ),
    ),
    many("endpoint", reference),
)
LOCATION = table(
    "Location",
    many("identifier", identifier),
    one("status", p.enum("Location.status")),
    one("operationalStatus", coding),
    one("name", p.string),
    many("alias", p.string),
    one("description", p.string),
    one("mode", p.enum("Location.mode")),
    listed("type", codeable),
    many("telecom", telecom),
    one("address", address),
    one("physicalType", codeable),
    one(
        "position",
        compound(one("longitude", p.decimal), one("latitude", p.decimal), one("altitude", p.decimal)),
    ),
    one("managingOrganization", reference),
    one("partOf", reference),
    many("endpoint", reference),
)
