"""Members in the order of the R4 definitions, and nothing lost on the way."""

from decimal import Decimal

import pytest
from fhir.resources.R4B import get_fhir_model_class

from gateway.fhir.order import ordered


def test_members_stand_as_r4_defines_them():
    """Type first, then id, meta, and the elements; a primitive's extensions directly behind it."""
    made = ordered(
        {
            "birthDate": "1980",
            "_birthDate": {"extension": [{"valueDateTime": "1980", "url": "urn:x"}]},
            "name": [{"given": ["Ada"], "family": "Sorted", "use": "official"}],
            "id": "p",
            "resourceType": "Patient",
            "gender": "female",
            "meta": {"tag": [], "source": "urn:s"},
        }
    )
    assert list(made) == ["resourceType", "id", "meta", "name", "gender", "birthDate", "_birthDate"]
    assert list(made["name"][0]) == ["use", "family", "given"]
    assert list(made["meta"]) == ["source", "tag"]
    assert list(made["_birthDate"]["extension"][0]) == ["url", "valueDateTime"]


def test_choices_and_contained_resources_are_sorted_inside():
    """A choice is sorted as its datatype, a contained resource as its own type, a backbone by its path."""
    made = ordered(
        {
            "resourceType": "Observation",
            "component": [
                {"valueRange": {"high": {"unit": "x", "value": Decimal("1.10")}}, "code": {"text": "c"}}
            ],
            "valueQuantity": {"code": "g", "value": Decimal("2.0"), "unit": "gram"},
            "contained": [
                {"name": [{"given": ["A"], "family": "B"}], "id": "c1", "resourceType": "Practitioner"}
            ],
            "status": "final",
        }
    )
    assert list(made) == ["resourceType", "contained", "status", "valueQuantity", "component"]
    assert list(made["valueQuantity"]) == ["value", "unit", "code"]
    assert list(made["contained"][0]) == ["resourceType", "id", "name"]
    assert list(made["component"][0]) == ["code", "valueRange"]
    assert str(made["component"][0]["valueRange"]["high"]["value"]) == "1.10"


def test_what_no_definition_knows_stays_behind_the_rest():
    """An unknown type or member loses nothing."""
    made = ordered({"zeta": [{"b": 1, "a": None}], "alpha": 1, "resourceType": "NoSuchType", "id": "x"})
    assert list(made) == ["resourceType", "id", "alpha", "zeta"]
    assert made["zeta"] == [{"b": 1, "a": None}]


@pytest.mark.parametrize(
    "kind",
    [
        "Patient",
        "Encounter",
        "Composition",
        "MedicationRequest",
        "Bundle",
        "Immunization",
        "DocumentReference",
    ],
)
def test_the_order_is_that_of_an_independent_library(kind):
    """fhir.resources lists the elements of a type in the same order."""
    model = get_fhir_model_class(kind)
    names = [name for name in model.elements_sequence() if not name.startswith("fhir_comments")]
    made = list(ordered(dict.fromkeys(reversed(names), 1) | {"resourceType": kind}))
    assert made == ["resourceType", *names]
