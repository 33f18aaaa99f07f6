"""Messages written for these tests, and the one way to normalise them."""

import importlib
import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from adapters import boundary
from adapters.codec import encode
from adapters.hospital.acts import act_from_bytes
from adapters.hospital.fold import Contribution, fold
from adapters.hospital.message import Message
from adapters.hospital.names import MAPPED
from adapters.hospital.normaliser import HospitalNormaliser
from adapters.interface import Original, Source, SourceBatch
from adapters.losses import Losses

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SOURCE = Source(
    "adt",
    "hospital",
    "st-brides.example",
    b"k" * 32,
    zone="Europe/London",
    facility="RXX",
    identifier_order=("https://fhir.nhs.uk/Id/nhs-number", "RXX"),
    authorities={"NHS": "https://fhir.nhs.uk/Id/nhs-number", "RXX": "https://st-brides.example/id/mrn"},
)


def line(name: str, **fields: str) -> str:
    """A segment by field number: `line("PV1", f2="I", f44="2026")`."""
    numbered = {int(key[1:]): value for key, value in fields.items()}
    return "|".join([name, *(numbered.get(n, "") for n in range(1, max(numbered) + 1))])


VISIT = {
    "f1": "1",
    "f2": "I",
    "f3": "W3^2^B^RXX",
    "f7": "C7^Consult^Clara",
    "f10": "MED",
    "f19": "V-99^^^RXX",
}

ADMISSION = (
    r"MSH|^~\&|PAS|RXX|EXCH|RXX|20260115143000||ADT^A01^ADT_A01|ADM-1|P|2.5",
    "EVN|A01|20260115142900||||20260115141500",
    "PID|1||9990001006^^^NHS^NH~4711^^^RXX^MR||WARDLESS^Winifred^Ann^^Ms^^L||19580704|F|||"
    "1 Ward Lane^^Leeds^^LS1 1AA^GBR^H||0113 496 0000^PRN^PH||en|W",
    "PD1||||G123^Family^Doctor",
    "NK1|1|WARDLESS^Walter|SPO^Spouse^HL70063|||",
    line("PV1", **VISIT, f44="20260115141500"),
    "AL1|1|DA|70618^Penicillin^RXNORM|SV|Rash~Swelling|20100301",
    "DG1|1||J18.9^Pneumonia^I10||20260115|A",
)
RESULT = (
    r"MSH|^~\&|LIS|RXX|EXCH|RXX|20260116090000||ORU^R01^ORU_R01|RES-1|P|2.5",
    "PID|1||9990001006^^^NHS^NH||WARDLESS^Winifred||19580704|F",
    line("PV1", f1="1", f2="I", f19="V-99^^^RXX"),
    "ORC|RE|PL-1^RXX|FI-1^RXX||CM",
    "OBR|1|PL-1^RXX|FI-1^RXX|24320-4^Electrolytes^LN|||20260116081500|||||||||C7^Consult^Clara||||||"
    "20260116085500||CH|F",
    "NTE|1||Sample slightly",
    "NTE|2||haemolysed",
    "OBX|1|NM|2823-3^Potassium^LN||5.10|mmol/L|3.5-5.3|H|||F|||20260116081500",
    "NTE|1||Repeat advised",
    "OBX|2|ST|600-7^Blood culture^LN||No growth||||||P",
    "SPM|1|SP-1&RXX^SF-1&RXX||SER|||||||||||||20260116081500|20260116083000",
)

Lines = tuple[str, ...] | list[str]


def body_of(lines: Lines) -> bytes:
    return "\r".join(lines).encode("utf-8") + b"\r"


@pytest.fixture
def source() -> Source:
    return SOURCE


@pytest.fixture
def admission() -> tuple[str, ...]:
    return ADMISSION


@pytest.fixture
def result() -> tuple[str, ...]:
    return RESULT


@pytest.fixture
def normalise() -> Callable[..., SourceBatch]:
    """`normalise(lines or bytes, **changes of the source)`."""

    def run(message: Lines | bytes, **changes: object) -> SourceBatch:
        body = message if isinstance(message, bytes) else body_of(message)
        source = replace(SOURCE, **changes)  # type: ignore[arg-type]
        return HospitalNormaliser().normalise(Original(body, "application/hl7-v2", intake="in-1"), source, AT)

    return run


@pytest.fixture
def checked(normalise, monkeypatch) -> Callable[..., SourceBatch]:  # type: ignore[no-untyped-def]
    """`normalise`; what comes out is R4 and closed, its ledger adds up, and the table of fields says the truth."""
    close = Message.close

    def listed(message: Message) -> Losses:
        for element, _ in message.journal:
            name, field = element.segment.name, element.field
            assert name == "ZBE" or (name, field) in MAPPED, f"{name}-{field} is mapped and not in the table"
        return close(message)

    monkeypatch.setattr(Message, "close", listed)

    def run(message: Lines | bytes, **changes: object) -> SourceBatch:
        batch: SourceBatch = normalise(message, **changes)
        assert batch.losses.balanced
        assert boundary.checked(batch) is batch, "the boundary check finds something to mend"
        assert "mapping-defect" not in {entry.reason for entry in batch.losses.entries}
        ids = {f"{one['resourceType']}/{one['id']}" for one in batch.resources}
        for one in (*batch.resources, *([batch.provenance] if batch.provenance else [])):
            kind = one["resourceType"]
            model = getattr(importlib.import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
            text = encode(one).decode()
            model.model_validate_json(text)
            assert not re.search(r'""|\[\]|\{\}|null', re.sub(r'"valueString":"(?:[^"\\]|\\.)*"', "0", text))
            assert set(re.findall(r'"reference":"([^"#][^"]*)"', text)) <= ids
        return batch

    return run


@pytest.fixture
def reasons() -> Callable[[SourceBatch], set[tuple[str, str]]]:
    """Disposition and reason of every line of a ledger."""
    return lambda batch: {(entry.disposition, entry.reason) for entry in batch.losses.entries}


@pytest.fixture
def marks() -> Callable[[dict], set[str]]:  # type: ignore[type-arg]
    """Codes in `meta.security`."""
    return lambda resource: {one["code"] for one in resource["meta"].get("security", ())}


@pytest.fixture
def only() -> Callable[[SourceBatch, str], dict]:  # type: ignore[type-arg]
    """The one resource of a type."""

    def pick(batch: SourceBatch, resource_type: str) -> dict:  # type: ignore[type-arg]
        found = [one for one in batch.resources if one["resourceType"] == resource_type]
        assert len(found) == 1, f"{len(found)} {resource_type}"
        return found[0]

    return pick


class Ward:
    """Messages of one hospital, a minute apart unless told otherwise."""

    def __init__(self) -> None:
        self.count = 0

    def says(self, event: str, *segments: str, kind: str = "", at: str = "", control: str = "") -> list[str]:
        """A message of an event; each one later than those before it."""
        self.count += 1
        time = at or f"202601{2 + self.count // 24:02d}{self.count % 24:02d}00"
        name = kind or "ADT"
        head = f"MSH|^~\\&|PAS|RXX|EXCH|RXX|{time}||{name}^{event}|{control or f'M{self.count}'}|P|2.5"
        return [head, f"EVN|{event}|{time}", *segments]


@pytest.fixture
def ward() -> Ward:
    return Ward()


@pytest.fixture
def in_every_order(checked, normalise):  # type: ignore[no-untyped-def]
    """State of some messages: the same through the fold in every order of arrival, and as one file.

    The answer has the resources by type, in the order of the first event.
    """

    def run(*messages: Lines) -> dict[str, list[dict]]:  # type: ignore[type-arg]
        batches = [normalise(one) for one in messages]
        states = []
        for order in itertools.permutations(range(len(messages))):
            said = [
                Contribution(
                    batches[n].event_time,
                    batches[n].sequence,
                    arrival,
                    one,
                    act_from_bytes(batches[n].acts.get(f"{one['resourceType']}/{one['id']}", b"")),
                )
                for arrival, n in enumerate(order)
                for one in batches[n].resources
            ]
            states.append(fold(said))
            file = checked(b"".join(body_of(messages[n]) for n in order))
            found = [one for one in file.resources if one["resourceType"] != "Provenance"]
            states.append({f"{one['resourceType']}/{one['id']}": one for one in found})
        assert all(state == states[0] for state in states)
        by_type: dict[str, list[dict]] = {}  # type: ignore[type-arg]
        for one in states[0].values():
            by_type.setdefault(one["resourceType"], []).append(one)
        return by_type

    return run
