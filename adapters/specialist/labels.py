"""Labels of a `confidentialityCode`: all that it states, translations too; one that nobody can read is R."""

from typing import Any

from adapters.specialist.marks import CONFIDENTIALITY, label_from_coding
from adapters.specialist.markup import Element, find_all, peek
from adapters.specialist.record import Record
from adapters.specialist.values import said_coding

JSON = dict[str, Any]
_LEVELS = frozenset("ULMNRV")
_RESTRICTED = {"system": CONFIDENTIALITY, "code": "R"}


def labels_from_code(record: Record, code: Element) -> list[JSON]:
    """Codings of a mark and its translations; codes without system are v3-Confidentiality.

    A mark without a level that we know (null, of a private system, misspelled) restricts: it was put for a
    reason (HCS, unknown counts against access).
    """
    stated = [said_coding(record, one) for one in (code, *find_all(code, "translation"))]
    labels = [{"system": CONFIDENTIALITY} | label_from_coding(one) for one in stated if one]
    known = any(one["system"] == CONFIDENTIALITY and one["code"] in _LEVELS for one in labels)
    if not known:
        if peek(code, "nullFlavor") != "MSK":
            record.doc.lose(code, "rejected", "bad-code")
        labels.append(_RESTRICTED)
    return labels
