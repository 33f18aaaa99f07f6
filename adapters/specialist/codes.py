"""Codes of CDA (CD, CE, CV, CS) as FHIR Codings, and the URIs of their systems."""

import re
from functools import lru_cache
from typing import Any

from adapters.identity import local_system
from adapters.specialist.markup import Element
from adapters.specialist.record import Record
from adapters.terminology.tables import system_from_name, system_from_oid

JSON = dict[str, Any]
HL7 = "http://terminology.hl7.org/CodeSystem/"
_WORDS = 250
"""Displays longer than that are read anew each time, and not held."""
OID = re.compile(r"[0-2](\.(0|[1-9]\d*))+\Z")
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_NUMBER_AND_CHECK = re.compile(r"[0-9]{1,7}-[0-9]")
_NO_CODES = frozenset(
    "NI UNK OTH ASKU NASK NA MSK NINF PINF QS DER UNC NAVU UNKNOWN NULL N/A NOTCHECKED".split()
)
"""Words for having no code: null flavors, but those that HL7 v3 also has as codes (INV TRC NP NAV)."""
_NEVER_SO = ("http://loinc.org", "http://snomed.info/sct", "http://www.nlm.nih.gov/research/umls/rxnorm")
"""Systems of numbers."""
_NUMBERED = frozenset({HL7 + "v3-Race", HL7 + "v3-Ethnicity"})


def present(**members: Any) -> JSON:
    """The members that say something: FHIR knows no null, no empty string, list or object."""
    return {k: v for k, v in members.items() if v or v == 0}  # false is 0; nothing that says nothing is


def system_uri(owner: tuple[str, str], root: str) -> str | None:
    """URI of an OID or UUID root; of anything else a namespace that only this source (`owner`) knows."""
    return (_system if len(root) < _WORDS else _system.__wrapped__)(owner, root)


@lru_cache(maxsize=4096)
def _system(owner: tuple[str, str], root: str) -> str | None:
    if not root:
        return None
    if OID.match(root):
        return system_from_oid(root)
    if UUID.match(root):
        return f"urn:uuid:{root.lower()}"
    if root.startswith(("http://", "https://", "urn:")) and " " not in root:
        return root
    return local_system(*owner, root)


def coding(record: Record, element: Element) -> JSON | None:
    """The code of a CD without its translations; None if it has none."""
    stated = element.attrib
    if "code" not in stated:
        return None
    read = coding_from_attributes if len(stated.get("displayName", "")) < _WORDS else _uncached
    found, taken, is_misplaced = read(
        record.owner,
        stated["code"],
        stated.get("codeSystem", ""),
        stated.get("codeSystemName", ""),
        stated.get("displayName", ""),
        stated.get("codeSystemVersion", ""),
    )
    if is_misplaced:
        record.doc.remark(element, "altered", "namespace")
    record.doc.take(element, taken)
    return dict(found) if found else None


def said_coding(record: Record, element: Element) -> JSON | None:
    """`coding`, but for a code that says that there is none (`UNK` as a v3-RoleCode): no such code exists, so
    it is rejected, and what it is called stays for the text."""
    if is_no_code(record, element):
        record.doc.lose(element, "rejected", "bad-code", "code", target="CodeableConcept.coding")
        return None
    return coding(record, element)


def is_no_code(record: Record, element: Element) -> bool:
    """Whether a code is a null flavor, or such a word, in a system that has no such code."""
    stated = element.attrib.get("code")
    if not stated or stated.strip().upper() not in _NO_CODES:
        return False
    system = system_uri(record.owner, element.attrib.get("codeSystem", "").strip()) or ""
    return system in _NEVER_SO or (system.startswith(HL7 + "v3-") and system != HL7 + "v3-NullFlavor")


@lru_cache(maxsize=8192)
def coding_from_attributes(
    owner: tuple[str, str], code: str, root: str, name: str, display: str, version: str
) -> tuple[JSON, tuple[str, ...], bool]:
    """(Coding, attributes that it took, whether its system was none of the code's). `owner`: custodian and
    source. Codes repeat within a document and from one to the next; the Coding is to be copied."""
    code = " ".join(code.split())
    if not code:
        return {}, (), False
    system = system_uri(owner, root.strip())
    taken = ["code", "codeSystem", "codeSystemVersion"]
    is_misplaced = _is_misplaced(system, code)
    if is_misplaced:
        system = None
    if system is None and name.strip():
        system = system_from_name(name.strip())
        taken.append("codeSystemName")
    if system and system.startswith(HL7):
        # HL7 defines the displays of its own systems: the source's words are text, not display.
        display = ""
    else:
        taken.append("displayName")
    found = present(system=system, version=version.strip(), code=code, display=display.strip())
    return found, tuple(taken), is_misplaced


_uncached = coding_from_attributes.__wrapped__


def _is_misplaced(system: str | None, code: str) -> bool:
    """A code of LOINC's form under an HL7 v3 system: they have letters, but for race and ethnicity.

    The system is a slip of the pen then, and stating it would be a code that does not exist.
    """
    letters = system is not None and system.startswith(HL7 + "v3-") and system not in _NUMBERED
    return letters and _NUMBER_AND_CHECK.fullmatch(code) is not None
