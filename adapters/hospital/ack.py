"""Acknowledgements (HL7 v2.9 chapter 2.9; normalisation.md 3.5, points 4 to 6). Pure.

Original mode: `AA` durable · `AE` durable as intake and not applied · `AR` not taken. Only a failure of the
node itself carries ERR-3 `207`, which alone asks for a resend. Nothing of the message comes back but MSH-10
and what addresses the answer (MSH-3 to 6, 11, 12, 18).
Enhanced mode: `CA`, `CE`, `CR` in place of AA, AE, AR as MSH-15 wants them, then AA, AE or AR as MSH-16 wants
them. Whoever was told CE or CR waits for no application acknowledgement and gets none.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from adapters.hospital.batch import read_batch
from adapters.hospital.charset import codec_from_label, decode
from adapters.hospital.escapes import Separators
from adapters.hospital.header import separators_from_msh, stated_charset
from adapters.interface import SourceBatch

Code = Literal["AA", "AE", "AR", "CA", "CE", "CR"]
Severity = Literal["E", "W", "I"]

NEXT_FRAME = b"\x1c"
"""Between the acknowledgements of one message that travel in frames of their own; no frame can hold it."""

ERRORS = {
    "0": "Message accepted",
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "204": "Unknown key identifier",
    "205": "Duplicate key identifier",
    "206": "Application record locked",
    "207": "Application internal error",
}
"""Table 0357."""
_POSITION = re.compile(r"([A-Z][A-Z0-9]{2})\[(\d+)\](?:-(\d+)(?:\[(\d+)\])?(?:\.(\d+)(?:\.(\d+))?)?)?\Z")
_PLAIN_START = re.compile(rb"MSH[^A-Za-z0-9\s]")
_LINE_END = re.compile(rb"[\r\n]")
_EVENT = re.compile(r"[A-Z][0-9A-Z]{2}\Z")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a message. `error`: code of table 0357; `position`: as in the loss ledger."""

    code: Code
    error: str | None = None
    position: str | None = None
    severity: Severity = "E"


@dataclass(frozen=True, slots=True)
class Wanted:
    """MSH-15 and MSH-16. Both empty: original mode."""

    accept: str
    application: str

    @property
    def enhanced(self) -> bool:
        return bool(self.accept or self.application)


@dataclass(frozen=True, slots=True)
class Manner:
    """How a feed is answered. `mode` `auto`: as each message asks; `busy`: the code of a failure to store."""

    mode: Literal["auto", "original", "enhanced"] = "auto"
    busy: Literal["AE", "AR"] = "AE"

    @property
    def not_stored(self) -> Verdict:
        """Nothing was kept: the only answer that asks for a resend."""
        return Verdict(self.busy, "207")


USUAL = Manner()


@dataclass(frozen=True, slots=True)
class _Header:
    """MSH of the message that is answered, raw fields by number."""

    separators: Separators
    fields: tuple[str, ...]
    codec: str

    def raw(self, number: int) -> str:
        return self.fields[number] if number < len(self.fields) else ""

    def component(self, number: int, comp: int) -> str:
        mark = self.separators.component
        parts = self.raw(number).split(mark) if mark else [self.raw(number)]
        return parts[comp - 1].strip() if comp <= len(parts) else ""


def acknowledgement(body: bytes, verdict: Verdict, at: datetime, control: str) -> bytes:
    """The ACK of `body` without its frame: MSH, MSA and, with an error, ERR; segments end with CR.

    `at`: aware clock reading of MSH-7; `control`: our own MSH-10. A body without MSH gets the usual
    separators, version 2.5 and an empty MSA-2.
    """
    return _rendered(_header_of(body), verdict, at, control)


def _rendered(header: _Header, verdict: Verdict, at: datetime, control: str) -> bytes:
    marks = header.separators
    lines = [_msh(header, at, control), marks.field.join(("MSA", verdict.code, header.raw(10)))]
    if verdict.error is not None:
        lines.append(_err(header, verdict))
    return ("\r".join(lines) + "\r").encode(header.codec, "replace")


def answer(body: bytes, verdict: Verdict, at: datetime, control: str, manner: Manner = USUAL) -> bytes:
    """What the sender is told, frames apart by `NEXT_FRAME`; empty if it wants to be told nothing.

    `control`: our own control id; the two acknowledgements of enhanced mode make one each of it.
    """
    header = _header_of(body)
    wanted = _wanted(header)
    if manner.mode == "original" or (manner.mode == "auto" and not wanted.enhanced):
        return _rendered(header, verdict, at, control)
    commit = accept_code(verdict.code)
    frames = []
    condition = wanted.accept if wanted.enhanced else "AL"
    if is_wanted(condition, commit):
        said = Verdict("CA") if commit == "CA" else replace(verdict, code=commit)
        frames.append(_rendered(header, said, at, f"{control[:19]}C"))
    if is_wanted(wanted.application, verdict.code) and (commit == "CA" or not frames):
        frames.append(_rendered(header, verdict, at, f"{control[:19]}A"))
    return NEXT_FRAME.join(frames)


def joined(answers: Sequence[bytes]) -> bytes:
    """Answers to the messages of one frame: in one frame, unless any of them takes frames of its own."""
    apart = any(NEXT_FRAME in one for one in answers)
    return (NEXT_FRAME if apart else b"").join(one for one in answers if one)


def wanted_of(body: bytes) -> Wanted:
    """Which acknowledgements the sender asks for."""
    return _wanted(_header_of(body))


def _wanted(header: _Header) -> Wanted:
    return Wanted(header.component(15, 1).upper(), header.component(16, 1).upper())


def sender_of(body: bytes) -> tuple[str, str]:
    """Sending application and facility: the first components of MSH-3 and MSH-4."""
    header = _header_of(body)
    return header.component(3, 1), header.component(4, 1)


def processing_of(body: bytes) -> str:
    """MSH-11: P, T or D; empty if it does not say."""
    return _header_of(body).component(11, 1).upper()


def is_wanted(condition: str, code: Code) -> bool:
    """Table 0155: AL always, ER on errors, SU on success, NE (and empty) never."""
    good = code in ("AA", "CA")
    return condition == "AL" or (condition == "SU" and good) or (condition == "ER" and not good)


def accept_code(code: Code) -> Code:
    """Commit acknowledgement that goes with an application code (enhanced mode)."""
    commit: dict[Code, Code] = {"AA": "CA", "AE": "CE", "AR": "CR"}
    return commit.get(code, code)


def verdict_of(batch: SourceBatch) -> Verdict:
    """Verdict on a message that is durable as intake: applied, applied in part (`W`), or parked."""
    if batch.quarantine == "test":
        return Verdict("AR", "202", "MSH[1]-11")
    if batch.quarantine == "no-patient":
        return Verdict("AE", "101", "PID[1]-3")
    if batch.quarantine is not None:
        return Verdict("AE", "100", "MSH[1]")
    bad = next((entry for entry in batch.losses.entries if entry.severity == "error"), None)
    if bad is None:
        return Verdict("AA")
    error = "103" if bad.reason == "bad-code" else "102"
    return Verdict("AA", error, bad.position, "W")


def _header_of(body: bytes) -> _Header:
    line = _msh_line(body)
    separators, _ = separators_from_msh(line)
    decoded = decode(line, stated_charset(line, separators), None)
    parts = decoded.text.split(separators.field)
    return _Header(separators, (parts[0], separators.field, *parts[1:]), decoded.codec)


def _msh_line(body: bytes) -> bytes:
    """The first line of the first message; most bodies begin with it, so that the rest need not be cut."""
    if _PLAIN_START.match(body):
        return _LINE_END.split(body, 1)[0].rstrip(b"\x0b\x1c\x00")
    messages = read_batch(body).messages
    return messages[0].split(b"\r", 1)[0] if messages else b"MSH|^~\\&"


def _msh(header: _Header, at: datetime, control: str) -> str:
    marks = header.separators
    encoding = header.raw(2) or "^~\\&"
    event = header.component(9, 2).upper()
    kind = ["ACK", event, "ACK"] if _EVENT.match(event) else ["ACK"]
    processing = header.component(11, 1).upper()
    fields = {
        3: header.raw(5),
        4: header.raw(6),
        5: header.raw(3),
        6: header.raw(4),
        7: at.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000"),
        9: marks.component.join(kind) if marks.component else "ACK",
        10: control,
        11: processing if processing in ("P", "T", "D") else "P",
        12: _version(header) or "2.5",
        18: header.raw(18) if codec_from_label(header.component(18, 1)) else "",
    }
    last = 18 if fields[18] else 12
    return marks.field.join(["MSH", encoding, *(fields.get(number, "") for number in range(3, last + 1))])


def _version(header: _Header) -> str:
    text = header.component(12, 1)
    return text if re.fullmatch(r"2(\.\d){1,3}", text) else ""


def _err(header: _Header, verdict: Verdict) -> str:
    """ERR of 2.5 and later by location and code; before, one ELD in ERR-1."""
    marks = header.separators
    code = verdict.error if verdict.error in ERRORS else "207"
    words = (code, ERRORS[code], "HL70357")
    found = _POSITION.match(verdict.position or "")
    place = [part or "" for part in found.groups()] if found else []
    version = _version(header) or "2.5"
    if tuple(map(int, version.split("."))) >= (2, 5):
        location = marks.component.join(place).rstrip(marks.component or " ")
        return marks.field.join(("ERR", "", location, marks.component.join(words), verdict.severity))
    segment = [*place[:3], "", "", ""][:3]
    return marks.field.join(("ERR", marks.component.join((*segment, marks.subcomponent.join(words)))))
