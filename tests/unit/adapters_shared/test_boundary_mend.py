"""What a resource with defects loses, and when it cannot stay: nothing invented, no meaning turned round."""

from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from adapters.boundary import CheckedNormaliser, defects, mend
from adapters.boundary.mend import ASSUMED
from adapters.interface import Original, Source, SourceBatch
from adapters.losses import Losses
from adapters.registry import normaliser
from benchmarks.planted import VALID
from gateway.intake.shape import is_well_shaped

AT = datetime(2026, 1, 1, tzinfo=UTC)
SOURCE = Source(id="s", kind="gp", custodian="o", id_key=b"k" * 32)
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


def of(kind, **members):
    """A valid resource with other members."""
    return deepcopy(VALID[kind]) | members


BAD = (None, "", "x y ", [], {}, [None], {"id": "x"}, -1, True, "2020-02-30", {"reference": "#q"}, {"coding": [5]},
       [["a"]], {"extension": {}}, [{"resourceType": "Patient"}], "\x00")  # fmt: skip
"""What no element of R4 can be, or only few of them."""


def places(value, path=()):
    """Every place in a resource, by member names and list places."""
    for step, child in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, step)
        if isinstance(child, dict | list):
            yield from places(child, (*path, step))


@pytest.mark.parametrize("kind", VALID)
def test_whatever_stands_anywhere_the_rest_is_valid_or_nothing_is_left(kind):
    """Every place of a resource spoilt in every way, or left out: no exception, and what passes is R4."""
    for path in places(VALID[kind]):
        for bad in (*BAD, ...):
            spoilt = deepcopy(VALID[kind])
            holder = spoilt
            for step in path[:-1]:
                holder = holder[step]
            if bad is ...:
                del holder[path[-1]]
            else:
                holder[path[-1]] = bad
            if not isinstance(spoilt.get("resourceType"), str):
                continue
            batch = passed(batch_of(spoilt))
            assert batch.losses.balanced
            assert all(not defects(one) and is_well_shaped(one) for one in batch.resources), (path, bad)


def batch_of(*resources, provenance=None, mapped=200):
    """A batch whose ledger has nothing but mapped items."""
    return SourceBatch(tuple(resources), provenance, Losses(mapped, mapped), "t:0")


def passed(batch):
    """The batch behind the gate."""

    class Given:
        def normalise(self, original, source, at):
            return batch

    return CheckedNormaliser(Given()).normalise(Original(b"", "x"), SOURCE, AT)


def test_a_bad_optional_element_goes_alone():
    """An impossible birth date is left out, with its path; all else stays to the digit."""
    mended = mend(of("patient", birthDate="2001-02-30"))
    assert "birthDate" not in mended.resource
    assert mended.resource["extension"][0]["valueDecimal"] == Decimal("1.10")
    assert [(line.steps, line.items, line.reason) for line in mended.lines] == [
        (("birthDate",), 1, "bad-date")
    ]


def test_a_status_that_is_no_word_is_unknown_and_tagged():
    """A bad status of an Observation becomes `unknown`, visibly assumed."""
    mended = mend(of("observation", status="done"))
    assert mended.resource["status"] == "unknown"
    assert {"system": ASSUMED, "code": "status"} in mended.resource["meta"]["tag"]
    assert {(line.reason, line.assumed) for line in mended.lines} == {("bad-code", False), ("status", True)}


def test_a_required_element_says_that_it_is_not_known():
    """A medicine without a product keeps its place with a data-absent-reason; nothing is invented."""
    resource = of("medication")
    del resource["medicationCodeableConcept"]
    mended = mend(resource).resource
    assert mended["medicationCodeableConcept"] == {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("medication", {"doNotPerform": "yes"}),
        ("medication", {"intent": "wish"}),
        ("allergy", {"verificationStatus": {"coding": [{"system": "urn:x", "code": "refuted"}]}}),
        ("observation", {"modifierExtension": [{"url": "urn:x"}]}),
        ("observation", {"meta": {"security": [{"system": "urn:x", "code": 5}]}}),
        ("appointment", {"status": "soon"}),
    ],
)
def test_what_changes_the_meaning_is_never_left_out(kind, members):
    """A bad modifier, negation or security label fails the resource: without it, it would say something else."""
    mended = mend(of(kind, **members))
    assert mended.resource is None
    assert mended.lines


def test_a_bad_modifier_inside_takes_only_what_it_modifies():
    """A name with a use that is no word goes as a whole; the Patient stays."""
    resource = of("patient")
    resource["name"].append({"family": "Former", "use": "previous"})
    mended = mend(resource)
    assert [name["family"] for name in mended.resource["name"]] == ["Boundary"]
    assert [line.steps for line in mended.lines] == [("name", 1)]


def test_whom_it_is_about_has_no_stand_in():
    """An allergy without a patient fails: a record of nobody is not made."""
    resource = of("allergy")
    del resource["patient"]
    assert mend(resource).resource is None


def test_lists_of_primitives_keep_step_with_their_extensions():
    """A bad given name goes together with its place in the list of extensions."""
    resource = of("patient")
    resource["name"][0] |= {
        "given": ["Ada", "", "Eve"],
        "_given": [None, None, {"extension": [{"url": "urn:x", "valueCode": "c"}]}],
    }
    name = mend(resource).resource["name"][0]
    assert name["given"] == ["Ada", "Eve"]
    assert name["_given"] == [None, {"extension": [{"url": "urn:x", "valueCode": "c"}]}]


def test_an_allergy_without_status_is_active():
    """ait-1: caution counts an allergy as active, and says that this was assumed."""
    resource = of("allergy")
    del resource["clinicalStatus"]
    mended = mend(resource)
    assert mended.resource["clinicalStatus"]["coding"][0]["code"] == "active"
    assert [line.reason for line in mended.lines if line.assumed] == ["status"]


def test_the_ledger_still_balances_after_a_loss():
    """What the check takes out moves from mapped to lost, with a line that names the place and no value."""
    batch = passed(batch_of(of("patient", birthDate="2001-02-30", gender="x")))
    assert batch.losses.balanced
    assert batch.losses.mapped == 198
    assert {(e.position, e.disposition, e.reason) for e in batch.losses.entries} == {
        ("Patient.birthDate", "rejected", "bad-date"),
        ("Patient.gender", "rejected", "bad-code"),
    }


def test_the_name_of_an_unknown_element_is_not_told():
    """A member name that R4 does not know is the source's word: it is not in the ledger if it is no name."""
    batch = passed(batch_of(of("patient", **{"9990548609 a": "x"})))
    assert [entry.position for entry in batch.losses.entries] == ["Patient.?"]


def test_references_to_a_failed_resource_become_logical():
    """Nothing leads nowhere: a failed Observation is no target any more, and the Provenance names the rest."""
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r1",
        "status": "final",
        "code": {"text": "x"},
        "result": [{"reference": "Observation/o1", "display": "glucose"}],
    }
    provenance = {
        "resourceType": "Provenance",
        "id": "v1",
        "target": [{"reference": "DiagnosticReport/r1"}, {"reference": "Observation/o1"}],
        "recorded": "2026-01-01T00:00:00Z",
        "agent": [{"who": {"display": "carepact"}}],
    }
    failing = of("observation", modifierExtension=[{"url": "urn:x"}])
    batch = passed(batch_of(of("patient"), failing, report, provenance=provenance))
    assert [one["resourceType"] for one in batch.resources] == ["Patient", "DiagnosticReport"]
    (result,) = batch.resources[1]["result"]
    assert result["identifier"] == {"system": "urn:carepact:unresolved", "value": "Observation/o1"}
    assert "reference" not in result
    assert batch.provenance["target"] == [{"reference": "DiagnosticReport/r1"}]
    assert batch.losses.balanced
    assert batch.losses.status == "partial"


def test_a_failed_patient_takes_the_input_with_her():
    """Without a Patient nobody can say whose record the rest is: the input is quarantined whole."""
    batch = passed(batch_of(of("patient", id="under_score"), of("observation")))
    assert batch.quarantine == "mapping-defect"
    assert batch.resources == ()
    assert batch.losses.balanced


@pytest.mark.parametrize("kind", ["gp", "hospital", "specialist"])
def test_every_normaliser_of_the_registry_is_behind_the_gate(kind):
    """A feed, a pull, a replay and the command line all take their normaliser from one place."""
    assert isinstance(normaliser(kind), CheckedNormaliser)


@pytest.mark.parametrize(
    "said", ["RESOLVED", {"text": "over"}, {"coding": [{"system": "urn:old", "code": "resolved"}]}]
)
def test_an_allergy_whose_status_cannot_be_read_counts_as_active(said):
    """Dropping a positive allergy would be the unsafe way; a problem stays one without a status."""
    patient = {"reference": "Patient/p1"}
    allergy = {
        "resourceType": "AllergyIntolerance",
        "id": "a1",
        "clinicalStatus": said,
        "patient": patient,
        "code": {"text": "x"},
    }
    mended = mend(allergy).resource
    assert mended["clinicalStatus"]["coding"][0]["code"] == "active"
    assert any(tag["code"] == "status" for tag in mended["meta"]["tag"])
    problem = {
        "resourceType": "Condition",
        "id": "c1",
        "clinicalStatus": said,
        "subject": patient,
        "code": {"text": "x"},
    }
    assert "clinicalStatus" not in mend(problem).resource
