"""What a given file claims: identifiers, message and document ids, and who or what it says they are.

Public files are made from one another: they carry the number of one patient over the name of another, or the
id of one document over other words. One source cannot hold both; two files whose claims contradict are served
by different sandboxes.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from adapters import codec
from adapters.hospital.batch import split_messages
from adapters.specialist.markup import Unreadable, find, find_all, parse, peek
from gateway.sandbox.mocks.files import GivenFile

Claim = tuple[str, str]
"""Birth date and name as compared, or one hash for what must be the same bytes."""
Claims = Mapping[str, Claim]
_OWNED = {"PV1": 19, "ORC": 3, "OBR": 3}
"""Where the number of a visit or of an order stands."""
_SHARED = frozenset("Organization Practitioner PractitionerRole Location Medication Device".split())


def contradict(ours: Claims, theirs: Claims) -> bool:
    """Whether both claim the same thing of something else.

    Persons differ when birth date and name both differ: a name alone may be corrected.
    """
    return any(key in theirs and _differ(ours[key], theirs[key]) for key in ours)


def _differ(a: Claim, b: Claim) -> bool:
    return all(x and y and x != y for x, y in zip(a, b, strict=True))


def claims_of(provider: str, given: GivenFile) -> dict[str, Claim]:
    """Claims of all parts of a file; of parts that contradict one another the first stands."""
    read = {"gp": _of_bundle, "hospital": _of_message, "specialist": _of_document}[provider]
    found: dict[str, Claim] = {}
    for part in given.parts:
        if provider == "gp":
            found |= {f"{system}|{value}": _same(part) for system, value in given.identifiers}
        for key, claim in read(part):
            found.setdefault(key, claim)
    return found


def _of_bundle(body: bytes) -> Iterable[tuple[str, Claim]]:
    """The id of everything that is about somebody belongs to these very bytes."""
    same = _same(body)
    try:
        bundle: Any = codec.decode(body.removeprefix(b"\xef\xbb\xbf"), repeats_apart=True)
    except codec.BadJSON:
        return
    entries = bundle.get("entry") if isinstance(bundle, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or resource.get("resourceType") in _SHARED:
            continue
        if isinstance(resource.get("id"), str):
            yield f"{resource.get('resourceType')}/{resource['id']}", same


def _of_document(body: bytes) -> Iterable[tuple[str, Claim]]:
    """Ids of the patient are hers; the id of the document is that of these bytes."""
    try:
        root, _ = parse(body)
    except Unreadable:
        return
    role = find(root, "recordTarget/patientRole")
    names = [str(text) for one in find_all(role, "patient/name")[:1] for text in one.words()]
    who = (peek(find(role, "patient/birthTime"), "value")[:8], _folded("".join(names)))
    for one in (held for held in find_all(role, "id") if peek(held, "root")):
        yield f"{peek(one, 'root')}|{peek(one, 'extension')}", who
    own = find(root, "id")
    if own is not None:
        yield f"document {peek(own, 'root')}|{peek(own, 'extension')}", _same(body)


def _of_message(body: bytes) -> Iterable[tuple[str, Claim]]:
    """PID-3 belongs to PID-5 and PID-7; a control id to one content; a visit or an order to one PID-3.

    Unless the message itself moves them to another patient (MRG).
    """
    text = b"\r".join(split_messages(body)).decode("utf-8", "replace")
    mark, part, repeat = text[3:4] or "|", text[4:5] or "^", text[5:6] or "~"
    lines = [[*line.split(mark), *[""] * 20] for line in text.split("\r")]
    moves = any(fields[0] == "MRG" for fields in lines)
    whose: Claim = ("", "")
    for fields in lines:
        if fields[0] == "MSH" and fields[9]:
            yield f"control {fields[2]}|{fields[3]}|{fields[9]}", _same(text.encode())
        if fields[0] == "PID" and fields[3]:
            whose = (fields[3], fields[3])
            who = (fields[7][:8], _folded("".join(fields[5].split(repeat)[0].split(part)[:2])))
            for one in fields[3].split(repeat):
                cx = [*one.split(part), *[""] * 4]
                if cx[0]:
                    yield f"{cx[3]}|{cx[0]}", who
        number = fields[_OWNED.get(fields[0], 0)] if not moves and fields[0] in _OWNED else ""
        if number:
            yield f"{fields[0]} {number}", whose


def _same(body: bytes) -> Claim:
    digest = hashlib.sha256(body).hexdigest()
    return digest, digest


def _folded(name: str) -> str:
    return re.sub(r"\W", "", name).casefold()
