"""Bad input costs what is bad, is listed by position, and never raises."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters import codec
from adapters.gp.stu3_to_r4 import catalogue
from adapters.interface import SourceBatch

Normalise = Callable[..., SourceBatch]
Only = Callable[[SourceBatch, str], dict[str, Any]]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "unreadable"),
        (b"{", "unreadable"),
        (b"[]", "unreadable"),
        (b'"text"', "unreadable"),
        (b"{}", "unreadable"),
        (b'{"resourceType":7}', "unreadable"),
        (b"\xff\xfe{}", "unreadable"),
        (b"<Bundle xmlns='http://hl7.org/fhir'/>", "format-not-supported"),
        (b"<html>login</html>", "format-not-supported"),
    ],
)
def test_what_is_no_record_is_an_error_with_a_reason(normalise: Normalise, body: bytes, reason: str) -> None:
    """Bytes that are not FHIR JSON end as one failed line, no resource, status error."""
    batch = normalise(body)
    assert (batch.resources, batch.quarantine, batch.losses.status) == ((), "unreadable", "error")
    assert [e.reason for e in batch.losses.entries] == [reason]
    assert batch.losses.balanced


@pytest.mark.parametrize("kind", ["OperationOutcome", "Parameters", "CapabilityStatement"])
def test_nobodys_record_is_an_error(normalise: Normalise, kind: str) -> None:
    """A request, an outcome or a conformance resource is no patient's record."""
    batch = normalise(json.dumps({"resourceType": kind, "id": "x"}).encode())
    assert (batch.quarantine, batch.losses.status) == ("no-patient", "error")


def test_a_bad_value_is_rejected_alone(
    normalise: Normalise, only: Only, record: list[dict[str, Any]]
) -> None:
    """An impossible date, a code outside its list: each is one line, the rest of the resource stays."""
    record[10] |= {"onsetDateTime": "2014-02-31", "clinicalStatus": "quite active"}
    batch = normalise(*record)
    made = only(batch, "Condition")
    assert "onsetDateTime" not in made
    assert "clinicalStatus" not in made
    assert made["recordedDate"] == "2014-02"
    rejected = {
        e.position.rpartition(".")[2]: e.reason for e in batch.losses.entries if e.disposition == "rejected"
    }
    assert rejected == {"onsetDateTime": "bad-date", "clinicalStatus": "bad-code"}
    assert batch.losses.status == "partial"


def test_a_member_said_twice_is_nobodys_choice(
    normalise: Normalise, only: Only, record: list[dict[str, Any]]
) -> None:
    """Two different onsets: neither is taken, both are rejected; the record around them is read."""
    body = json.dumps(
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": entry} for entry in record]}
    )
    batch = normalise(
        body.replace('"onsetDateTime": "2014"', '"onsetDateTime": "2014", "onsetDateTime": "2015"').encode()
    )
    assert "onsetDateTime" not in only(batch, "Condition")
    twice = [(e.position, e.reason) for e in batch.losses.entries if e.disposition == "rejected"]
    assert twice == [("Bundle.entry[10].resource.onsetDateTime", "too-many")] * 2
    assert batch.losses.balanced


def test_a_defect_of_ours_fails_one_resource(
    normalise: Normalise, record: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception inside one mapping is `mapping-defect` with our file and line; siblings go on, closed."""

    def broken(*_: Any) -> None:
        raise KeyError("9990000018")

    plan = catalogue.MAPS["Encounter"]
    fake = dict(catalogue.MAPS) | {"Encounter": type(plan)(plan.target, plan.fields, broken, plan.identified)}
    monkeypatch.setattr("adapters.gp.answer.MAPS", fake)
    batch = normalise(*record)
    (line,) = [e for e in batch.losses.entries if e.disposition == "failed"]
    assert (line.position, line.reason) == ("Bundle.entry[14].resource", "mapping-defect")
    assert line.target is not None
    assert line.target.startswith("test_gp_degradation.py:")
    assert "9990000018" not in line.target
    assert batch.losses.balanced
    assert len(batch.resources) == len(record)
    condition = next(made for made in batch.resources if made["resourceType"] == "Condition")
    assert condition["encounter"]["identifier"] == {
        "system": "urn:carepact:unresolved",
        "value": "Encounter/e1",
    }


def test_a_dangling_reference_becomes_logical(
    normalise: Normalise, only: Only, record: list[dict[str, Any]]
) -> None:
    """What cannot be followed keeps its words and its display, and is a remark."""
    record[4]["recorder"] = {"reference": "Practitioner/gone", "display": "Dr Gone"}
    batch = normalise(*record)
    allergy = next(a for a in batch.resources if a.get("recordedDate") == "2011-02-03")
    assert allergy["recorder"] == {
        "display": "Dr Gone",
        "identifier": {"system": "urn:carepact:unresolved", "value": "Practitioner/gone"},
    }
    assert "Bundle.entry[4].resource.recorder.reference" in {
        e.position for e in batch.losses.entries if e.reason == "dangling-reference"
    }


def test_a_type_that_is_not_carried_is_kept_in_a_basic(
    normalise: Normalise, only: Only, record: list[dict[str, Any]]
) -> None:
    """Raw JSON, restricted, about the patient; every value of it is `kept`, none is lost."""
    extra = {"resourceType": "QuestionnaireResponse", "id": "q1", "status": "completed", "authored": "2020"}
    batch = normalise(*record, extra)
    made = only(batch, "Basic")
    parts = {part["url"]: part["valueString"] for part in made["extension"][0]["extension"]}
    assert json.loads(parts["value"]) == extra
    assert parts["position"] == "Bundle.entry[15].resource"
    assert made["meta"]["security"][0]["code"] == "R"
    assert made["subject"]["reference"].startswith("Patient/")
    assert (batch.losses.kept, batch.losses.status) == (3, "partial")


def test_an_unknown_modifier_is_not_read_over(normalise: Normalise, record: list[dict[str, Any]]) -> None:
    """A modifier extension turns the meaning of a resource: it is kept as it came, not mapped without it."""
    record[10]["modifierExtension"] = [{"url": "https://supplier.example/negated", "valueBoolean": True}]
    batch = normalise(*record)
    assert {made["resourceType"] for made in batch.resources}.isdisjoint({"Condition"})
    assert [e.reason for e in batch.losses.entries if e.disposition == "kept"] == ["unknown-field"]


def test_repeats_are_one_and_rivals_are_two(normalise: Normalise, record: list[dict[str, Any]]) -> None:
    """The same resource twice is a duplicate; two different ones with one id are both kept apart."""
    same, rival = copy.deepcopy(record[10]), {**record[10], "onsetDateTime": "2015"}
    batch = normalise(*record, same, rival)
    conditions = [made for made in batch.resources if made["resourceType"] == "Condition"]
    assert len({made["id"] for made in conditions}) == len(conditions) == 2
    assert [e.position for e in batch.losses.entries if e.reason == "duplicate"] == [
        "Bundle.entry[15].resource"
    ]
    assert [e.position for e in batch.losses.entries if e.reason == "no-key"] == ["Bundle.entry[16].resource"]


def test_a_list_without_id_is_the_same_list_tomorrow(
    normalise: Normalise, only: Only, record: list[dict[str, Any]]
) -> None:
    """Suppliers send Lists without id: the kind of List is its key, so that a longer one replaces it."""
    del record[5]["id"]
    today = only(normalise(*record), "List")["id"]
    record[5]["entry"].append({"item": {"reference": "AllergyIntolerance/al1"}})
    batch = normalise(*record)
    assert only(batch, "List")["id"] == today
    assert "no-key" not in {e.reason for e in batch.losses.entries}


def test_lists_without_id_of_two_patients_are_two_lists(
    normalise: Normalise, only: Only, record: list[dict[str, Any]]
) -> None:
    """The kind alone would be one List for the whole practice: the last patient's would replace all others."""
    del record[5]["id"]
    (patient,) = (one for one in record if one["resourceType"] == "Patient")
    text = json.dumps(record).replace(patient["id"], "someone-else")
    mine, hers = only(normalise(*record), "List"), only(normalise(*json.loads(text)), "List")
    assert mine["subject"] != hers["subject"] and mine["id"] != hers["id"]
    for one in (record[5], *(other := json.loads(text))):
        if one["resourceType"] == "List":
            del one["subject"]
    assert only(normalise(*record), "List")["id"] != only(normalise(*other), "List")["id"]


@pytest.mark.parametrize("div", ["<div xmlns='http://www.w3.org/1999/xhtml'><script>x</script></div>", "<div>no namespace</div>", "<div", "<!DOCTYPE a><div xmlns='http://www.w3.org/1999/xhtml'/>", "<div xmlns='http://www.w3.org/1999/xhtml'><a href='javascript:x'>y</a></div>"])  # fmt: skip
def test_unsafe_narrative_is_left_out_and_listed(
    normalise: Normalise, only: Only, record: list[dict[str, Any]], div: str
) -> None:
    """Narrative is shown in browsers: only the XHTML that FHIR allows passes."""
    record[10]["text"] = {"status": "generated", "div": div}
    batch = normalise(*record)
    assert "text" not in only(batch, "Condition")
    assert [e.reason for e in batch.losses.entries if e.disposition == "rejected"] == ["bad-text"]


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for step, child in members:
        if isinstance(child, dict | list):
            yield from _leaves(child, (*path, step))
        else:
            yield (*path, step)


def _position(path: tuple[Any, ...]) -> str:
    return "Bundle" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def test_a_token_in_any_leaf_is_in_the_output_or_in_the_ledger(
    normalise: Normalise, record: list[dict[str, Any]]
) -> None:
    """No silent loss: whatever text stands in whatever place, it comes out or its position is listed."""
    whole = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": entry} for entry in record],
    }
    for path in _leaves(whole):
        if path[-1] in ("resourceType", "reference"):
            continue
        planted = copy.deepcopy(whole)
        holder: Any = planted
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = "zq-token-91"
        batch = normalise(json.dumps(planted).encode())
        assert batch.losses.balanced
        at = _position(path)
        listed = any(
            at == e.position or at.startswith(f"{e.position}.") for e in batch.losses.entries if e.position
        )
        assert listed or b"zq-token-91" in codec.encode(list(batch.resources)), at


_junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["", " ", "x", "2020-13-01", "#a", "Patient/p_1", "\x00"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "reference", "coding", "code", "url", "extension", "value", "system", "text"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_any_shape_in_any_place_is_accounted_for(
    normalise: Normalise, record: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Whatever replaces a member, nothing raises, the sums hold, and what leaves is valid R4."""
    planted = copy.deepcopy(record)
    resource = data.draw(st.sampled_from(planted))
    member = data.draw(st.sampled_from(sorted(set(resource) - {"resourceType"})))
    resource[member] = data.draw(_junk)
    batch = normalise(*planted)
    assert batch.losses.balanced
    assert "mapping-defect" not in {e.reason for e in batch.losses.entries}
    for made in batch.resources:
        get_fhir_model_class(made["resourceType"]).model_validate_json(codec.encode(made))
