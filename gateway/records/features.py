"""What matching knows of one Patient resource: normalised, at its own precision, nothing guessed. Pure.

Names: all of them, NFKD, case-folded, marks and punctuation dropped, particles kept. Telephone numbers: the
last nine digits, so that a country code makes no difference. A value that stands for "none" is not there.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.identity import CHI_NUMBER, HSC_NUMBER, NHI_NUMBER, NHS_NUMBER, check_digit_holds, is_national
from adapters.interface import Identifier

_TEST_RANGES = {
    NHS_NUMBER: re.compile(r"999"),
    CHI_NUMBER: re.compile(r"999"),
    HSC_NUMBER: re.compile(r"999"),
    NHI_NUMBER: re.compile(r"Z"),
}
_VERIFIED_EXTENSION = "NHSNumberVerificationStatus"
_VERIFIED_CODES = frozenset(("01", "number-present-and-verified"))
_NO_POSTCODE = re.compile(r"ZZ99|0*\Z")
_DIGITS_OF_A_LINE = 9


@dataclass(frozen=True, slots=True)
class Named:
    """An identifier as far as matching cares. `live`: of a use that may link (neither `old` nor `temp`)."""

    system: str
    value: str
    verified: bool = True
    live: bool = True

    @property
    def identifier(self) -> Identifier:
        return Identifier(self.system, self.value)


@dataclass(frozen=True, slots=True)
class Features:
    """What matching knows of one Patient resource. Empty: the source does not say."""

    source: str
    identifiers: tuple[Named, ...]
    family: frozenset[str]
    given: frozenset[str]
    birth: str
    gender: str = ""
    """`male`, `female` or `other`."""
    postcodes: frozenset[str] = frozenset()
    homes: frozenset[str] = frozenset()
    """First line with postcode or city: where somebody lives, down to the door."""
    phones: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    died: str = ""
    """`YYYY-MM-DD`, where a day is known."""
    alive: str = ""
    """Day of the latest statement that says outright that the patient lives (`deceasedBoolean` false)."""
    multiple: bool | None = None
    """One of several of one birth."""
    replaced: bool = False
    """The source itself says that another Patient of its own stands in the place of this one."""
    merged: frozenset[str] = frozenset()
    """`Patient/id` that the source says it replaces or is replaced by; a mere `seealso` is none."""


def features_from_patient(patient: Mapping[str, Any], *, custodian: str, source: str) -> Features:
    """Features of a FHIR R4 Patient. Never raises on data: what has a wrong shape is not there."""
    names = _maps(patient.get("name"))
    addresses = _maps(patient.get("address"))
    telecoms = [one for one in _maps(patient.get("telecom")) if one.get("use") != "old"]
    return Features(
        source=f"{custodian}\x1f{source}",
        identifiers=tuple(dict.fromkeys(_named(patient.get("identifier")))),
        family=_folded(name.get("family") for name in names),
        given=_folded(given for name in names for given in _list(name.get("given"))),
        birth=_text(patient.get("birthDate")),
        gender=_text(patient.get("gender")).replace("unknown", ""),
        postcodes=frozenset(filter(None, map(_postcode, addresses))),
        homes=frozenset(filter(None, map(_home, addresses))),
        phones=frozenset(filter(None, (_phone(one) for one in telecoms))),
        emails=frozenset(
            _text(one.get("value")).strip().casefold() for one in telecoms if one.get("system") == "email"
        )
        - {""},
        died=_day(patient.get("deceasedDateTime")),
        alive=_day(_meta(patient).get("lastUpdated")) if patient.get("deceasedBoolean") is False else "",
        multiple=_multiple(patient),
        merged=frozenset(_merged(patient)),
        replaced=any(link.get("type") == "replaced-by" for link in _maps(patient.get("link"))),
    )


def links(identifier: Named, *, allow_test_patients: bool) -> bool:
    """Whether this identifier may link records of different sources: national, valid, verified, in use."""
    system, value = identifier.system, identifier.value
    return (
        identifier.live
        and identifier.verified
        and is_national(system)
        and check_digit_holds(system, value) is True
        and not is_placeholder(identifier.identifier)
        and (allow_test_patients or system not in _TEST_RANGES or not _TEST_RANGES[system].match(value))
    )


def is_placeholder(identifier: Identifier) -> bool:
    """A value that stands for "no number": one character repeated four times or more, or none at all."""
    return stands_for_none(identifier.value)


def stands_for_none(value: str) -> bool:
    """Nothing but blanks and hyphens, or one character four times or more."""
    characters = re.sub(r"[\s-]", "", value)
    return not characters or (len(characters) >= 4 and len(set(characters)) == 1)


def _merged(patient: Mapping[str, Any]) -> Iterable[str]:
    for link in _maps(patient.get("link")):
        other = link.get("other")
        reference = _text(other.get("reference")) if isinstance(other, Mapping) else ""
        if link.get("type") in ("replaces", "replaced-by") and reference.startswith("Patient/"):
            yield reference


def _named(value: Any) -> Iterable[Named]:
    for item in _maps(value):
        system, number = item.get("system"), item.get("value")
        if isinstance(system, str) and isinstance(number, str) and system and number:
            yield Named(system, number, _verified(item), item.get("use") not in ("old", "temp"))


def _verified(identifier: Mapping[str, Any]) -> bool:
    for extension in _maps(identifier.get("extension")):
        if _VERIFIED_EXTENSION not in str(extension.get("url")):
            continue
        concept = extension.get("valueCodeableConcept")
        codings = _maps(concept.get("coding")) if isinstance(concept, Mapping) else []
        return any(c.get("code") in _VERIFIED_CODES for c in codings)
    return True


def _folded(names: Iterable[Any]) -> frozenset[str]:
    return frozenset({_fold(name) for name in names} - {""})


def _fold(value: Any) -> str:
    plain = unicodedata.normalize("NFKD", _text(value)).casefold()
    return "".join(c for c in plain if unicodedata.category(c)[0] in "LN")


def _postcode(address: Mapping[str, Any]) -> str:
    code = _fold(address.get("postalCode")).upper()
    return "" if _NO_POSTCODE.match(code) else code


def _home(address: Mapping[str, Any]) -> str:
    lines = [_fold(line) for line in _list(address.get("line"))]
    place = _postcode(address) or _fold(address.get("city"))
    first = next(filter(None, lines), "")
    return f"{first}|{place}" if first and place else ""


def _phone(telecom: Mapping[str, Any]) -> str:
    if telecom.get("system") not in ("phone", "sms"):
        return ""
    digits = re.sub(r"\D", "", _text(telecom.get("value")))
    return digits[-_DIGITS_OF_A_LINE:] if len(digits) >= 7 and not stands_for_none(digits) else ""


def _day(value: Any) -> str:
    day = _text(value)[:10]
    return day if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", day) else ""


def _multiple(patient: Mapping[str, Any]) -> bool | None:
    said, place = patient.get("multipleBirthBoolean"), patient.get("multipleBirthInteger")
    if isinstance(said, bool):
        return said
    return True if isinstance(place, int) and place > 0 else None


def _meta(patient: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = patient.get("meta")
    return meta if isinstance(meta, Mapping) else {}


def _maps(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in _list(value) if isinstance(item, Mapping)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
