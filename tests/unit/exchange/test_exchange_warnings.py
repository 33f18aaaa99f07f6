"""A source that says its record is short: the reader learns it with every part, unless the List is withheld."""

import base64
import json

import pytest

from gateway.exchange.completeness import SourceState
from gateway.exchange.warnings import WARNINGS, warnings_of
from gateway.fhir.json import encode
from gateway.fhir.outcome import completeness_issues
from gateway.fhir.summary import _sources_section


def tagged(kind, *codes, system="urn:carepact:incomplete"):
    """Bytes of a resource with tags of that system."""
    return encode(
        {
            "resourceType": kind,
            "id": "l",
            "meta": {"tag": [{"system": system, "code": code} for code in codes]},
        }
    )


def test_warnings_are_gathered_by_source_in_one_order():
    """Two Lists of one source make one set of warnings; another source keeps its own."""
    found = warnings_of(
        [
            ("elm.example", "gp", tagged("List", "data-in-transit")),
            ("elm.example", "gp", tagged("List", "confidential-items", "data-in-transit")),
            ("oak.example", "gp", tagged("List", "data-awaiting-filing")),
        ]
    )
    assert found == {
        ("elm.example", "gp"): ("confidential-items", "data-in-transit"),
        ("oak.example", "gp"): ("data-awaiting-filing",),
    }


@pytest.mark.parametrize(
    "body",
    [
        None,
        tagged("List", "section-failed"),
        tagged("DocumentReference", "confidential-items"),
        tagged("List", "confidential-items", system="urn:other"),
    ],
)
def test_nothing_is_warned_of_that_no_list_that_leaves_says(body):
    """A withheld List (no bytes), other tags, other types and other systems warn of nothing."""
    assert not any(warnings_of([("elm.example", "gp", body)]).values())


def test_a_warning_is_in_the_row_of_a_source_that_answered_and_of_no_other():
    """Where nothing of a source leaves, its warning would tell that it knows the patient."""
    asked = SourceState("elm.example", "gp", "answered", asked=1, answered=2)
    told = asked.released([("List", b"{}")], b"blind", 5, ("confidential-items",))
    assert told.row(tell_withheld=False)["incomplete"] == ["confidential-items"]
    silent = asked.released([], b"blind", None, ("confidential-items",))
    assert "incomplete" not in silent.row(tell_withheld=True)
    assert "incomplete" not in asked.released([("List", b"{}")], b"blind", 5).row(tell_withheld=False)


def test_a_warning_is_an_issue_of_the_outcome_and_a_word_of_the_summary():
    """Whoever reads only the Bundle, or only the document, reads it too."""
    row = {"org": "elm.example", "source": "gp", "state": "answered", "incomplete": list(WARNINGS)}
    issues = completeness_issues([row])
    assert [issue["details"]["coding"][0]["code"] for issue in issues] == [*WARNINGS, "suppressed"]
    assert {issue["severity"] for issue in issues[:-1]} == {"warning"}
    assert ", ".join(WARNINGS) in _sources_section([row])["text"]["div"]


IN_TRANSIT = "patient_known_only_to_gp"


async def _told(standing, shape):
    reply = await shape()
    first = reply.json()["entry"][0]["resource"]
    rows = json.loads(payload_of(first))["sources"]
    codes = [issue["details"]["coding"][0]["code"] for issue in first["issue"]]
    return {row["source"]: row.get("incomplete") for row in rows}, codes


def payload_of(outcome):
    """The signed block's payload, unverified: signatures have their own tests."""
    block = base64.b64decode(outcome["extension"][0]["valueBase64Binary"])
    part = json.loads(block)["payload"]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.mark.anyio
async def test_a_practice_that_waits_for_data_says_so_with_every_part_of_its_record(standing):
    """The List warns; the statement and the outcome say it, also where no List was asked for."""
    await standing.permit(IN_TRANSIT)
    found, codes = await _told(standing, lambda: standing.find(IN_TRANSIT))
    assert found["gp"] == ["data-in-transit"] and "data-in-transit" in codes
    id = await standing.patient_id(IN_TRANSIT)
    found, codes = await _told(standing, lambda: standing.everything(id))
    assert found["gp"] == ["data-in-transit"] and "data-in-transit" in codes
    others = {source: said for source, said in found.items() if source != "gp"}
    assert not any(others.values())


@pytest.mark.anyio
async def test_a_practice_of_which_nothing_leaves_warns_of_nothing(standing):
    """Without a consent the answer about somebody with a short record is that about a stranger."""
    found, codes = await _told(standing, lambda: standing.find(IN_TRANSIT))
    assert not any(found.values())
    assert "data-in-transit" not in codes
