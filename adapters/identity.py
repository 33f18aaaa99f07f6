"""Identifiers, their check digits, and the deterministic ids (normalisation.md 1, rules 2 to 4)."""

import hmac
import re
from collections.abc import Callable
from functools import lru_cache

from stdnum import luhn
from stdnum.at import vnr
from stdnum.br import cpf
from stdnum.ca import bc_phn
from stdnum.ch import ssn
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.il import idnr
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pl import pesel

from adapters.terminology.tables import checked_identifiers

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
CHI_NUMBER = "https://phs.scot/id/chi-number"
HSC_NUMBER = "https://hscni.net/id/hsc-number"
NHI_NUMBER = "https://standards.digital.health.nz/ns/nhi-id"
IHI_NUMBER = "http://ns.electronichealth.net.au/id/hi/ihi/1.0"
US_SSN = "http://hl7.org/fhir/sid/us-ssn"

_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"  # RFC 4648, lower case
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # NHI alphabet: no I, no O
_BASE32 = [high + low for high in _DIGITS for low in _DIGITS]
_TENS = range(120, -1, -10)
"""Two digits at a time: the standard library's base32 takes twice as long as the HMAC."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._~-]")
_FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")


@lru_cache(maxsize=16)
def _keyed(id_key: bytes) -> hmac.HMAC:
    """HMAC-SHA-256 as far as the key alone decides it, to be copied: half of the work is the key's."""
    return hmac.new(id_key, digestmod="sha256")


def resource_id(id_key: bytes, resource_type: str, custodian: str, source: str, key: str) -> str:
    """First 26 characters of base32(HMAC-SHA-256(id_key, type US custodian US source US key)), lower case.

    Keyed, because a plain hash of a national number is undone by trying them all.
    """
    keyed = _keyed(id_key).copy()
    keyed.update(f"{resource_type}\x1f{custodian}\x1f{source}\x1f{key}".encode())
    digest = keyed.digest()
    number = int.from_bytes(digest[:17]) >> 6
    return "".join([_BASE32[number >> shift & 1023] for shift in _TENS])


def is_fhir_id(text: str) -> bool:
    """FHIR R4 `id`: 1 to 64 of `A-Z a-z 0-9 - .`"""
    return _FHIR_ID.match(text) is not None


def meta_source(custodian: str, source: str, intake: str) -> str:
    """`Resource.meta.source`: who sent it, and which kept original it came from."""
    return f"urn:carepact:source:{custodian}:{source}#{intake}"


def local_system(custodian: str, source: str, namespace: str) -> str:
    """URI of a namespace that only the source knows."""
    safe = _UNSAFE.sub("-", namespace)
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
    return next(
        (known for known in checked_identifiers() if known.rstrip("/").rpartition("/")[2] == name), None
    )


def check_digit_holds(system: str, value: str) -> bool | None:
    """Whether the check digit is right; None for a system whose rule we do not know.

    `value` as issued, without blanks or separators; anything else has no check digit that could hold.
    """
    known = checked_identifiers().get(system)
    if known is None:
        return None
    pattern, check = known
    return re.fullmatch(pattern, value) is not None and bool(_CHECKS[check](value))


def national_number(system: str, value: str) -> str | None:
    """`value` as issued, if its check digit holds; else None. Blanks, dots and hyphens go if they have to.

    A hyphen may be part of a number (the century of a Finnish one), so it is tried with it first.
    """
    if system not in checked_identifiers():
        return None
    upper = value.strip().upper()
    spellings = (upper, re.sub(r"[\s.\-]", "", upper))
    return next((one for one in spellings if check_digit_holds(system, one)), None)


def is_national(system: str) -> bool:
    """A system whose identifiers are one person's in a country, and prove themselves: only these may link two
    records.
    """
    return system in checked_identifiers()


def _mod11(value: str) -> bool:
    """NHS, CHI and HSC number: weights 10 to 2; a check of 10 is invalid."""
    check = 11 - sum(int(d) * w for d, w in zip(value, range(10, 1, -1), strict=False)) % 11
    return check != 10 and check % 11 == int(value[9])


def _nhi(value: str) -> bool:
    """NHI: weights 7 to 2; old form mod 11 (a remainder of 0 is invalid, 10 is 0), new form mod 23."""
    points = [int(c) if c.isdigit() else _LETTERS.index(c) + 1 for c in value[:6]]
    total = sum(p * w for p, w in zip(points, range(7, 1, -1), strict=True))
    if value[6].isdigit():
        return total % 11 != 0 and (11 - total % 11) % 10 == int(value[6])
    return _LETTERS[22 - total % 23] == value[6]


def _norwegian(value: str) -> bool:
    """Both check digits; stdnum's own check also reads the clock."""
    digits = fodselsnummer.calc_check_digit1(value), fodselsnummer.calc_check_digit2(value)
    return digits == (value[9], value[10])


def _belgian(value: str) -> bool:
    """Mod 97, with a 2 before it for who was born after 1999; stdnum's own check also reads the clock."""
    return any(97 - int(century + value[:9]) % 97 == int(value[9:]) for century in ("", "2"))


def _swedish(value: str) -> bool:
    """Luhn over all but the century; stdnum's own check also reads the clock."""
    return bool(luhn.is_valid(value[2:]))


_CHECKS: dict[str, Callable[[str], bool]] = {
    "mod11": _mod11,
    "nhi": _nhi,
    "luhn": luhn.is_valid,
    "at.vnr": vnr.is_valid,
    "belgian": _belgian,
    "br.cpf": cpf.is_valid,
    "ca.bc_phn": bc_phn.is_valid,
    "ch.ssn": ssn.is_valid,
    "fi.hetu": hetu.is_valid,
    "fr.nir": nir.is_valid,
    "il.idnr": idnr.is_valid,
    "it.codicefiscale": codicefiscale.is_valid,
    "nl.bsn": bsn.is_valid,
    "norwegian": _norwegian,
    "pl.pesel": pesel.is_valid,
    "swedish": _swedish,
}
