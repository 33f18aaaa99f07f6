"""DocumentReference and the Binary that it may point at. Nothing is fetched here."""

from typing import Any

from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.datatypes import attachment
from adapters.gp.stu3_to_r4.elements import absent, codeable, coding, compound, identifier, period, reference
from adapters.gp.stu3_to_r4.fields import Field, Table, listed, many, one
from adapters.gp.stu3_to_r4.resource import supply, supply_subject, table
from adapters.gp.unit import INCOMPLETE, Unit
from adapters.interface import JSON
from adapters.reading import Holder, Step

_relates = compound(
    one("code", p.enum("DocumentReference.relatesTo.code")),
    one("target", reference),
    needs=("_code", "target"),
)
_content = compound(one("attachment", attachment), one("format", coding))

_RELATED = Table((one("identifier", identifier), one("ref", reference)))


def _related(unit: Unit, holder: Holder, step: Step) -> Any:
    """`context.related`: R4 keeps the reference; an identifier beside it moves into it."""
    raw = holder[step]  # type: ignore[index]
    if not isinstance(raw, dict):
        return None
    parts = _RELATED.build(unit, raw)
    made = parts.get("ref", {})
    if "identifier" in parts:
        made.setdefault("identifier", parts["identifier"])
    return made or None


_context = compound(
    listed("encounter", reference),
    many("event", codeable),
    one("period", period),
    one("facilityType", codeable),
    one("practiceSetting", codeable),
    one("sourcePatientInfo", reference),
    many("related", _related),
)


def _finish(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    supply(unit, r4, "status", "current")
    supply_subject(unit, r4)
    created = r4.pop("_created_", None)
    contents = r4.setdefault("content", [{}])
    for content in contents:
        file = content.setdefault("attachment", {})
        if created:
            file.setdefault("creation", created)
        if "url" not in file and "data" not in file:  # a placeholder: the words why are its title
            file["extension"] = [*file.get("extension", []), *absent("unknown")["extension"]]
            unit.tag(INCOMPLETE, "section-failed")
    unit.labels.extend(
        label for concept in r4.get("securityLabel", ()) for label in concept.get("coding", ())
    )


DOCUMENT_REFERENCE = table(
    "DocumentReference",
    one("masterIdentifier", identifier),
    many("identifier", identifier),
    one("status", p.enum("DocumentReference.status")),
    one("docStatus", p.enum("composition-status")),
    one("type", codeable),
    listed("class", codeable, "category"),
    one("subject", reference),
    one("indexed", p.instant, "date"),
    many("author", reference),
    one("authenticator", reference),
    one("custodian", reference),
    many("relatesTo", _relates),
    one("description", p.string),
    many("securityLabel", codeable),
    Field("created", "_created_", p.date_time),
    many("content", _content),
    one("context", _context),
    finish=_finish,
)
BINARY = table(
    "Binary",
    one("contentType", p.code),
    one("securityContext", reference),
    one("content", p.base64_text, "data"),
    identified=False,
    finish=lambda unit, stu3, r4: supply(unit, r4, "contentType", "application/octet-stream"),
)
