"""Identifiers, their check digits, and the deterministic ids (normalisation.md 1, rules 2 to 4)."""

import base64
import hmac
import re

from stdnum import luhn

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
CHI_NUMBER = "https://phs.scot/id/chi-number"
HSC_NUMBER = "https://hscni.net/id/hsc-number"
NHI_NUMBER = "https://standards.digital.health.nz/ns/nhi-id"
IHI_NUMBER = "http://ns.electronichealth.net.au/id/hi/ihi/1.0"
US_SSN = "http://hl7.org/fhir/sid/us-ssn"

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # NHI alphabet: no I, no O
_FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")


def resource_id(id_key: bytes, resource_type: str, custodian: str, source: str, key: str) -> str:
    """First 26 characters of base32(HMAC-SHA-256(id_key, type US custodian US source US key)), lower case.

    Keyed, because a plain hash of a national number is undone by trying them all.
    """
    text = "\x1f".join((resource_type, custodian, source, key))
    digest = hmac.digest(id_key, text.encode("utf-8"), "sha256")
    return base64.b32encode(digest).decode("ascii").lower()[:26]


def is_fhir_id(text: str) -> bool:
    """FHIR R4 `id`: 1 to 64 of `A-Z a-z 0-9 - .`"""
    return _FHIR_ID.match(text) is not None


def meta_source(custodian: str, source: str, intake: str) -> str:
    """`Resource.meta.source`: who sent it, and which kept original it came from."""
    return f"urn:carepact:source:{custodian}:{source}#{intake}"


def local_system(custodian: str, source: str, namespace: str) -> str:
    """URI of a namespace that only the source knows."""
    safe = re.sub(r"[^A-Za-z0-9._~-]", "-", namespace)
    return f"urn:carepact:source:{custodian}:{source}:{safe}"


def issued_system(custodian: str, source: str, system: str) -> str | None:
    """The other way round: under which system the source itself issued what we hold in its local namespace.

    A national system by its last segment, an OID as `urn:oid:`; None for anything else. So a source can be
    asked by the number that it holds, although that number may never link records (rule 4).
    """
    prefix = local_system(custodian, source, "")
    if not system.startswith(prefix):
        return None
    name = system.removeprefix(prefix)
    if re.fullmatch(r"[0-2](\.[0-9]+)+", name):
        return f"urn:oid:{name}"
    return next((known for known in _RULES if known.rstrip("/").rpartition("/")[2] == name), None)


def check_digit_holds(system: str, value: str) -> bool | None:
    """Whether the check digit is right; None for a system whose rule we do not know."""
    rule = _RULES.get(system)
    return rule(value) if rule else None


def is_national(system: str) -> bool:
    """A system whose identifiers are unique in a country: only these may link two records."""
    return system in _RULES


def _mod11_ten_digits(value: str) -> bool:
    if not re.fullmatch(r"[0-9]{10}", value):
        return False
    check = 11 - sum(int(d) * w for d, w in zip(value, range(10, 1, -1), strict=False)) % 11
    return check != 10 and check % 11 == int(value[9])


def _nhi(value: str) -> bool:
    old = re.fullmatch(r"[A-HJ-NP-Z]{3}[0-9]{4}", value)
    new = re.fullmatch(r"[A-HJ-NP-Z]{3}[0-9]{2}[A-HJ-NP-Z]{2}", value)
    if not (old or new):
        return False
    points = [int(c) if c.isdigit() else _LETTERS.index(c) + 1 for c in value[:6]]
    total = sum(p * w for p, w in zip(points, range(7, 1, -1), strict=True))
    if old:
        return total % 11 != 0 and (11 - total % 11) % 10 == int(value[6])
    return _LETTERS[22 - total % 23] == value[6]


def _ihi(value: str) -> bool:
    return bool(re.fullmatch(r"800360[0-9]{10}", value)) and bool(luhn.is_valid(value))


_RULES = {
    NHS_NUMBER: _mod11_ten_digits,
    CHI_NUMBER: _mod11_ten_digits,
    HSC_NUMBER: _mod11_ten_digits,
    NHI_NUMBER: _nhi,
    IHI_NUMBER: _ihi,
}
