"""A whole structured record: valid R4, closed, accounted for to the last value."""

import json
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from adapters import codec
from adapters.interface import SourceBatch

Normalise = Callable[..., SourceBatch]
Only = Callable[[SourceBatch, str], dict[str, Any]]


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        mine = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return mine + [found for child in value.values() for found in _references(child)]
    if isinstance(value, list):
        return [found for child in value for found in _references(child)]
    return []


def test_every_resource_is_valid_r4(normalise: Normalise, record: list[dict[str, Any]]) -> None:
    """Whatever a structured record says, each resource of it passes the R4 models, the Provenance too."""
    batch = normalise(*record)
    for made in (*batch.resources, batch.provenance):
        assert made is not None
        get_fhir_model_class(made["resourceType"]).model_validate_json(codec.encode(made))
    assert len(batch.resources) == len(record) + 1, "the allergy contained in the List is one of its own"


def test_the_answer_is_closed(normalise: Normalise, record: list[dict[str, Any]]) -> None:
    """A literal reference always leads to a resource of the same batch; Provenance names every one."""
    batch = normalise(*record)
    there = {f"{made['resourceType']}/{made['id']}" for made in batch.resources}
    used = {words for made in batch.resources for words in _references(made)}
    assert used
    assert used <= there
    assert batch.provenance is not None
    assert {target["reference"] for target in batch.provenance["target"]} == there


def test_nothing_is_lost_silently(normalise: Normalise, record: list[dict[str, Any]]) -> None:
    """total = mapped + kept + lost, and what is lost is known by position: here `taken` and the envelope."""
    losses = normalise(*record).losses
    assert losses.balanced
    assert losses.status == "complete"
    lost = Counter(e.reason for e in losses.entries if e.disposition == "not-mapped")
    assert lost == {"structural": 1, "superseded": 1, "no-target": 1}
    assert [e.position for e in losses.entries if e.reason == "no-target"] == [
        "Bundle.entry[7].resource.taken"
    ]


def test_same_input_gives_the_same_bytes(normalise: Normalise, record: list[dict[str, Any]]) -> None:
    """Ids, order and content depend on nothing but the input and the node's key."""
    first, second = normalise(*record), normalise(*record)
    assert codec.encode(list(first.resources)) == codec.encode(list(second.resources))
    other = normalise(*record, id_key=b"\x08" * 32)
    assert {made["id"] for made in first.resources}.isdisjoint(made["id"] for made in other.resources)


def test_patients_come_first_and_ids_are_rewritten(
    normalise: Normalise, record: list[dict[str, Any]]
) -> None:
    """The Patient leads although it came last; its illegal id is a keyed one now, kept as identifier."""
    batch = normalise(*reversed(record))
    first = batch.resources[0]
    assert first["resourceType"] == "Patient"
    assert first["id"] != "p_1"
    assert {"system": "urn:carepact:source:elm.example:elm:id", "value": "p_1"} in first["identifier"]
    assert first["meta"]["source"] == "urn:carepact:source:elm.example:elm#intake-1"


@pytest.mark.parametrize("number", ["7.10", "0.0000001", "1e3", "120.0", "-0.50"])
def test_a_number_keeps_the_digits_of_the_source(
    normalise: Normalise, only: Only, record: list[dict[str, Any]], number: str
) -> None:
    """Precision is clinical content: the very characters of a number leave as they came."""
    observation = {**record[12], "valueQuantity": {"value": "@"}}
    body = json.dumps(
        {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"resource": record[0]}, {"resource": observation}],
        }
    )
    batch = normalise(body.replace('"@"', number).encode())
    made = only(batch, "Observation")
    assert isinstance(made["valueQuantity"]["value"], Decimal)
    assert f'"value":{number}'.encode() in codec.encode(made)


def test_a_date_keeps_its_precision(normalise: Normalise, only: Only, record: list[dict[str, Any]]) -> None:
    """A year stays a year, a month a month: nothing is filled in."""
    batch = normalise(*record)
    condition = only(batch, "Condition")
    assert (condition["onsetDateTime"], condition["recordedDate"]) == ("2014", "2014-02")
    assert only(batch, "Patient")["birthDate"] == "1956-04"


def test_a_time_without_offset_is_its_date_unless_the_zone_is_known(
    normalise: Normalise, only: Only, record: list[dict[str, Any]]
) -> None:
    """No zone is invented; the configured one is used with its daylight rules, tagged and remarked."""
    record[10]["onsetDateTime"] = "2014-07-01T09:30:00"
    plain = normalise(*record)
    assert only(plain, "Condition")["onsetDateTime"] == "2014-07-01"
    assert "precision" in {e.reason for e in plain.losses.entries}
    zoned = only(normalise(*record, zone="Europe/London"), "Condition")
    assert zoned["onsetDateTime"] == "2014-07-01T09:30:00+01:00"
    assert {"system": "urn:carepact:assumed", "code": "zone"} in zoned["meta"]["tag"]
