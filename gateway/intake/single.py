"""One input on its own, without a node: what `carepact normalise` does to the bytes of one file. Pure.

The same normalisers as a feed, a pull and a replay. Ids of the intake and the bundle are derived from the
bytes, so that the same input with the same options is the same output.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.formats import Format, sniff
from adapters.hospital.places import in_order_of_input
from adapters.identity import resource_id
from adapters.interface import JSON, Original, Source, SourceBatch
from adapters.loss_report import Input, report_from_losses, worst_of
from adapters.losses import unreadable
from adapters.registry import kind_of, normaliser, normaliser_of
from adapters.times import instant
from gateway.fhir.collection import collection
from gateway.fhir.json import encode

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
    """What one input became: the bundle as bytes without a line end, and its ledger."""

    name: str
    bundle: bytes
    losses: JSON
    resources: dict[str, int]
    worst: str | None

    @property
    def status(self) -> str:
        return str(self.losses["status"])

    @property
    def counts(self) -> dict[str, int]:
        counts: dict[str, int] = self.losses["counts"]
        return counts


def normalise_input(body: bytes, name: str, options: Options) -> Single:
    """Never raises on data: what cannot be read is an empty bundle and a ledger that says so."""
    sha256 = hashlib.sha256(body).hexdigest()
    format = options.format or sniff(body)
    intake = _derived("Intake", sha256, options)
    batch = _batch(body, format, intake, options)
    resources = list(_all(batch))
    input = Input(
        name, len(body), sha256, format, options.source, options.custodian, (intake,), batch.mapping
    )
    provenances = [one for one in resources if one["resourceType"] == "Provenance"]
    bundle = collection(
        resources,
        id=_derived("Bundle", sha256, options),
        intake=intake,
        timestamp=options.timestamp or instant(options.at),
        base=options.base.rstrip("/"),
    )
    kinds = Counter(one["resourceType"] for one in resources)
    losses = report_from_losses(batch.losses, input, provenances)
    return Single(name, bundle, losses, dict(sorted(kinds.items())), worst_of(batch.losses))


def ndjson(single: Single) -> bytes:
    """One line `{"input","bundle","losses"}` without its line end."""
    name, losses = encode(single.name), encode(single.losses)
    return b'{"input":' + name + b',"bundle":' + single.bundle + b',"losses":' + losses + b"}"


def _batch(body: bytes, format: Format | None, intake: str, options: Options) -> SourceBatch:
    kind = kind_of(format) if format else None
    if format is None or kind is None:
        return SourceBatch((), None, unreadable(1, "format-not-supported"), "", quarantine="unreadable")
    source = Source(
        id=options.source,
        kind=kind,
        custodian=options.custodian,
        id_key=options.id_key,
        zone=options.zone,
        charset=options.charset,
        test_messages="accept",
    )
    original = Original(body, MEDIA_TYPES[format], intake=intake)
    batch = normaliser(kind).normalise(original, source, options.at)
    if format == "hl7v2":
        batch = replace(batch, losses=in_order_of_input(batch.losses, body))
    return _with_documents(batch, source, options)


def _with_documents(batch: SourceBatch, source: Source, options: Options) -> SourceBatch:
    """Documents inside the input, behind it, as units of its ledger; of two with one id the first stays."""
    resources = {_reference(one): one for one in batch.resources}
    losses = batch.losses
    for inner in batch.handed_on:
        intake = _derived("Intake", hashlib.sha256(inner.body).hexdigest(), options)
        original = replace(inner, intake=intake)
        made = normaliser_of(inner).normalise(original, replace(source, kind="specialist"), options.at)
        losses = losses.plus(made.losses)
        for one in _all(made):
            resources.setdefault(_reference(one), one)
    return replace(batch, resources=tuple(resources.values()), losses=losses) if batch.handed_on else batch


def _reference(resource: JSON) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _all(batch: SourceBatch) -> Iterator[JSON]:
    yield from batch.resources
    if batch.provenance is not None:
        yield batch.provenance


def _derived(what: str, sha256: str, options: Options) -> str:
    return resource_id(options.id_key, what, options.custodian, options.source, sha256)
