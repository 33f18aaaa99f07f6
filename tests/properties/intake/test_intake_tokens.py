"""No silent loss: a token planted in any leaf of an input is in its bundle, or its place is in the ledger.

The inputs of `tests/inputs` are our own. Each value is replaced in turn by a token, and the input is converted
by the code of `carepact normalise`. A line covers a place if it stands at it or above it.
"""

import base64
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from gateway.intake.single import Options, normalise_input

INPUTS = Path(__file__).resolve().parents[2] / "inputs"
FILES = sorted(path for path in INPUTS.rglob("*.*") if path.is_file())
AT = datetime(2026, 1, 1, tzinfo=UTC)
TOKEN = "Zq7planted"
LOST = ("kept", "not-mapped", "rejected", "failed")
PLACE = re.compile(r"([A-Z][A-Z0-9]{2})\[(\d+)\](?:-(\d+)(?:\[(\d+)\])?(?:\.(\d+))?(?:\.(\d+))?)?")
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"


def leaves_of_message(text):
    """(place, text with the token in it) of every value but MSH-1, 2, by the usual separators."""
    lines = text.rstrip("\r").split("\r")
    seen = {}
    for at, line in enumerate(lines):
        name = line[:3]
        seen[name] = seen.get(name, 0) + 1
        fields = line.split("|")
        first = 2 if name == "MSH" else 1
        for n, field in enumerate(fields[first:], first):
            reps = field.split("~")
            for r, rep in enumerate(reps):
                comps = rep.split("^")
                for c, comp in enumerate(comps):
                    subs = comp.split("&")
                    for s, sub in enumerate(subs):
                        if not sub:
                            continue
                        new = "&".join([*subs[:s], TOKEN, *subs[s + 1 :]])
                        new = "^".join([*comps[:c], new, *comps[c + 1 :]])
                        new = "~".join([*reps[:r], new, *reps[r + 1 :]])
                        planted = [*lines]
                        planted[at] = "|".join([*fields[:n], new, *fields[n + 1 :]])
                        field_number = n + 1 if name == "MSH" else n
                        place = (name, seen[name], field_number, r + 1, c + 1, s + 1)
                        yield place, "\r".join(planted) + "\r"


def covers_message(position, place):
    """A line without a part stands for all of it; a first repetition or component may be unsaid."""
    found = PLACE.fullmatch(position)
    if not found:
        return position == ""
    said = [found[1], *(None if part is None else int(part) for part in found.groups()[1:])]
    return all(part is None or part == own for part, own in zip(said, place, strict=True))


def leaves_of_json(value, path, holder=None, step=None):
    """(path, put, take back) of every text and number below a decoded value."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name != "resourceType":
                yield from leaves_of_json(inner, f"{path}.{name}", value, name)
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from leaves_of_json(inner, f"{path}[{n}]", value, n)
    elif isinstance(value, str):
        yield path, holder, step


def leaves_of_document(root):
    """(path, element, attribute or None for its text), as CDA counts items; a section's text is one."""
    for element in root.iter(etree.Element):
        tag = etree.QName(element).localname
        if tag in ("templateId", "typeId"):
            continue
        path = place_of(element)
        for name in element.attrib:
            if not name.startswith(XSI):
                yield f"{path}/@{etree.QName(name).localname}", element, name
        if element.text and element.text.strip():
            yield path, element, None


def place_of(element):
    steps = []
    while element is not None:
        name = etree.QName(element).localname
        same = [e for e in element.itersiblings(preceding=True) if e.tag == element.tag]
        steps.append(f"{name}[{len(same) + 1}]")
        element = element.getparent()
    return "/" + "/".join(reversed(steps))


def converted(body, format):
    single = normalise_input(body, "planted", Options(at=AT, format=format, zone="Europe/London"))
    counts = single.counts
    assert counts["total"] == counts["mapped"] + counts["kept"] + counts["lost"]
    positions = [e["position"] for e in single.losses["entries"] if e["disposition"] in LOST]
    return TOKEN.lower().encode() in single.bundle.lower() or in_attachment(single.bundle), positions


def in_attachment(bundle):
    """Texts of messages become attachments, in base64."""
    found = re.findall(rb'"data":"([A-Za-z0-9+/=]+)"', bundle)
    return any(TOKEN.encode() in base64.b64decode(data) for data in found)


def missing_of_message(body):
    for place, text in leaves_of_message(body.decode()):
        there, positions = converted(text.encode(), "hl7v2")
        if not there and not any(covers_message(position, place) for position in positions):
            yield place


def missing_of_json(body, format):
    root = json.loads(body)
    for path, holder, step in list(leaves_of_json(root, root["resourceType"])):
        held, holder[step] = holder[step], TOKEN
        there, positions = converted(json.dumps(root).encode(), format)
        holder[step] = held
        places = [path, within_resource(root, path)]
        above = any(
            p == "" or place == p or place.startswith((f"{p}.", f"{p}["))
            for p in positions
            for place in places
        )
        if not there and not above:
            yield path


def within_resource(root, path):
    """The same place as the boundary check tells it, by the type of the resource: `Patient.birthDate`."""
    found = re.match(r"Bundle\.entry\[(\d+)\]\.resource", path)
    if not found:
        return path
    return root["entry"][int(found[1])]["resource"]["resourceType"] + path[found.end() :]


def missing_of_document(body):
    root = etree.fromstring(body)
    for path, element, name in list(leaves_of_document(root)):
        held = element.text if name is None else element.get(name)
        put(element, name, TOKEN)
        there, positions = converted(etree.tostring(root), "cda")
        put(element, name, held)
        if not there and not any(p == "" or path == p or path.startswith(f"{p}/") for p in positions):
            if name is None and any(p.startswith(f"{path}/text()") for p in positions):
                continue
            yield path


def put(element, name, value):
    if name is None:
        element.text = value
    else:
        element.set(name, value)


def test_there_are_inputs_of_every_format():
    """At least forty, of four formats."""
    assert len(FILES) >= 40
    assert {path.parent.name for path in FILES} == {"hl7v2", "cda", "gp-connect", "fhir-r4"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_leaf_is_lost_silently(path):
    """Every leaf: in the bundle, or its place in the ledger."""
    body, format = path.read_bytes(), path.parent.name
    if format == "hl7v2":
        missing = list(missing_of_message(body))
    elif format == "cda":
        missing = list(missing_of_document(body))
    else:
        missing = list(missing_of_json(body, format))
    assert not missing
