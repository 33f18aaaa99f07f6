"""One input on its own, without a node: what `carepact normalise` does to the bytes of one file. Pure.

The same normalisers as a feed, a pull and a replay. Ids of the intake and the bundle are derived from the
bytes, so that the same input with the same options is the same output.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.formats import Format, sniff
from adapters.hospital.batch import Batch, read_batch
from adapters.hospital.places import in_order_of_message
from adapters.hospital.spool import MemorySpool, Spool
from adapters.identity import resource_id
from adapters.interface import JSON, Kind, Original, Source
from adapters.loss_report import Input, report_head
from adapters.losses import LossEntry, Losses, unreadable
from adapters.registry import kind_of, normaliser, normaliser_of
from adapters.times import instant
from gateway.fhir.collection import collection
from gateway.fhir.json import decode_own, encode
from gateway.intake.making import Making, reference_of
from gateway.intake.many import MAPPING, Many

DEMO_ID_KEY = hashlib.sha256(b"carepact: the id key of demonstrations, known to everybody").digest()
"""So that anyone gets the same ids without a key. Ids made with it do not hide a national number."""
MEDIA_TYPES = {
    "hl7v2": "application/hl7-v2",
    "cda": "application/xml",
    "gp-connect": "application/fhir+json",
    "fhir-r4": "application/fhir+json",
}


@dataclass(frozen=True, slots=True)
class Options:
    """How inputs are read. `format` None: told by the bytes.

    `at`: the only clock reading; `timestamp`: how it stands in the bundle, empty for our own way of writing.
    """

    at: datetime
    timestamp: str = ""
    format: Format | None = None
    source: str = "cli"
    custodian: str = "local"
    id_key: bytes = DEMO_ID_KEY
    zone: str | None = None
    charset: str | None = None
    base: str = "https://node.invalid/fhir"


@dataclass(frozen=True, slots=True)
class Single:
    """What one input became. `head`: its ledger but for the lines. Pieces may be read again and again."""

    name: str
    head: JSON
    resources: dict[str, int]
    worst: str | None
    making: Making
    members: Mapping[str, str]
    """Id, intake and time of the bundle."""

    @property
    def status(self) -> str:
        return str(self.head["status"])

    @property
    def counts(self) -> dict[str, int]:
        counts: dict[str, int] = self.head["counts"]
        return counts

    def bundle_pieces(self) -> Iterator[bytes]:
        """The bundle without a line end."""
        return collection(self.making.entries(), **self.members)

    def ledger_pieces(self) -> Iterator[bytes]:
        """The ledger as JSON without a line end."""
        separator = encode(self.head)[:-1] + b',"entries":['
        for row in self.making.rows():
            yield separator + row
            separator = b","
        yield b"]}" if separator == b"," else separator + b"]}"

    @property
    def bundle(self) -> bytes:
        """All of it at once."""
        return b"".join(self.bundle_pieces())

    @property
    def losses(self) -> JSON:
        """The ledger as a value."""
        made: JSON = decode_own(b"".join(self.ledger_pieces()))
        return made


def normalise_input(body: bytes, name: str, options: Options, spool: Spool | None = None) -> Single:
    """Never raises on data: what cannot be read is an empty bundle and a ledger that says so.

    `spool`: where a large input lies meanwhile, open for as long as the outcome is read; else memory.
    """
    sha256 = hashlib.sha256(body).hexdigest()
    format = options.format or sniff(body)
    intake = _derived("Intake", sha256, options)
    making = Making(spool or MemorySpool(), options.base.rstrip("/"))
    intakes, mapping, losses = _made(making, body, format, intake, options)
    tally = making.tally
    input = Input(name, len(body), sha256, format, options.source, options.custodian, intakes, mapping)
    status = "error" if losses.unreadable else tally.status
    counts = tally.counts(losses.total, losses.mapped)
    return Single(
        name,
        report_head(input, status, counts, making.provenances()),
        {kind: number for kind, number in sorted(making.kinds.items()) if number},
        tally.worst,
        making,
        {
            "id": _derived("Bundle", sha256, options),
            "intake": intake,
            "timestamp": options.timestamp or instant(options.at),
        },
    )


def ndjson(single: Single) -> Iterator[bytes]:
    """One line `{"input","bundle","losses"}` in pieces, without its line end."""
    yield b'{"input":' + encode(single.name) + b',"bundle":'
    yield from single.bundle_pieces()
    yield b',"losses":'
    yield from single.ledger_pieces()
    yield b"}"


def _made(
    making: Making, body: bytes, format: Format | None, intake: str, options: Options
) -> tuple[tuple[str, ...], str, Losses]:
    """Fills `making`; ids of intakes, mapping, and the sums of the ledger."""
    kind = kind_of(format) if format else None
    if format is None or kind is None:
        losses = unreadable(1, "format-not-supported")
        making.tell(losses.entries)
        return (intake,), "", losses
    source = _source(kind, options)
    messages = read_batch(body) if format == "hl7v2" else Batch(())
    if len(messages.messages) > 1:
        return _many(making, messages, source, options)
    batch = normaliser(kind).normalise(Original(body, MEDIA_TYPES[format], intake=intake), source, options.at)
    for resource in batch.resources:
        making.enter(resource)
    lines: Iterable[LossEntry] = batch.losses.entries
    making.tell(in_order_of_message(lines, messages.messages[0]) if messages.messages else lines)
    losses = _with_documents(making, batch.losses, batch.handed_on, source, options)
    if batch.provenance is not None:
        making.enter(batch.provenance)
    return (intake,), batch.mapping, losses


def _many(
    making: Making, batch: Batch, source: Source, options: Options
) -> tuple[tuple[str, ...], str, Losses]:
    intakes = [_derived("Intake", hashlib.sha256(one).hexdigest(), options) for one in batch.messages]
    many = Many(batch, source, options.at, intakes, making.spool)
    losses, last = many.lay_down(making)
    losses = _with_documents(making, losses, many.handed_on(), source, options)
    if last is not None:
        making.enter(last)
    return tuple(dict.fromkeys(intakes)), MAPPING, losses


def _source(kind: Kind, options: Options) -> Source:
    return Source(
        id=options.source,
        kind=kind,
        custodian=options.custodian,
        id_key=options.id_key,
        zone=options.zone,
        charset=options.charset,
        test_messages="accept",
    )


def _with_documents(
    making: Making, losses: Losses, documents: Iterable[Original], source: Source, options: Options
) -> Losses:
    """Documents inside the input, behind it, as units of its ledger; of two with one id the first stays."""
    seen: set[str] | None = None
    for inner in documents:
        seen = making.unify() if seen is None else seen
        intake = _derived("Intake", hashlib.sha256(inner.body).hexdigest(), options)
        original = replace(inner, intake=intake)
        made = normaliser_of(inner).normalise(original, replace(source, kind="specialist"), options.at)
        last = making.last_unit
        making.tell(line._replace(unit=line.unit + last) for line in made.losses.entries)
        losses = replace(losses, entries=()).plus(replace(made.losses, entries=()))
        for one in (*made.resources, *([made.provenance] if made.provenance else [])):
            if reference_of(one) not in seen:
                seen.add(reference_of(one))
                making.enter(one)
    return losses


def _derived(what: str, sha256: str, options: Options) -> str:
    return resource_id(options.id_key, what, options.custodian, options.source, sha256)
