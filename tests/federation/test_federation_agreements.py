"""Sharing agreements: without one in force a source is not asked, and hears nothing of the patient."""

import pytest

from gateway.client.errors import Refused
from gateway.exchange.agreements import Agreements
from gateway.sandbox import founding
from keys.jws import signers_from_store
from keys.store.file import FileKeyStore
from keys.store.wrapper import wrapper_from

PATIENT = "patient_with_full_record"


def state(sandbox, org, action):
    """`org` signs `action` about its agreement with the caller, as its own staff would."""
    folder = sandbox.federation.places.organisation(org)

    async def work(runtime):
        at = runtime.clock()
        if org == founding.NODE:
            store = runtime.keys
        else:
            store = FileKeyStore(folder / "keys", wrapper_from(f"file:{folder / 'kek'}"))
        signers = signers_from_store(store, at=int(at.timestamp()))
        name = f"{org.partition('.')[0]}-to-{founding.CALLER.partition('.')[0]}"
        service = Agreements(runtime.node)
        await service.state((name, None), signers, sandbox.act(), action=action, org=org, by="staff")

    sandbox.administer(work)


@pytest.fixture(scope="module")
def shared(sandbox, by_source):
    """Her record is shared by all three custodians to begin with."""
    sandbox.send(PATIENT)
    sandbox.permit(PATIENT)
    answer = sandbox.everything(PATIENT, accept_partial=False)
    assert {row["state"] for row in by_source(answer).values()} == {"answered"}
    return answer


@pytest.mark.promise("P4")
def test_C_a_suspended_agreement_stops_the_question_itself(sandbox, shared, by_source):
    """The clinic suspends alone and at once: `not-asked` with its code, and no call reaches its server."""
    state(sandbox, founding.CLINIC, "suspend")
    asked = len(sandbox.journal("specialist"))
    answer = sandbox.everything(PATIENT)
    row = by_source(answer)["letters"]
    assert row["state"] == "not-asked"
    assert row["reason"] == "dsa-suspended"
    assert "asked" not in row and "counts" not in row
    assert len(sandbox.journal("specialist")) == asked, "the source was contacted"
    whole = by_source(shared)
    assert {s: by_source(answer)[s]["counts"] for s in ("gp", "adt")} == {
        s: whole[s]["counts"] for s in ("gp", "adt")
    }
    assert sandbox.verified().finding is None


@pytest.mark.promise("P4")
def test_C_nothing_leaves_when_every_agreement_is_suspended(sandbox, shared):
    """With no agreement in force the question ends in a refusal, and no source hears of the patient."""
    for org in (founding.NODE, founding.HOSPITAL):
        state(sandbox, org, "suspend")
    before = {name: len(sandbox.journal(name)) for name in ("gp", "specialist")}
    patient = sandbox.patient(PATIENT)
    with pytest.raises(Refused):
        sandbox.ask(lambda c: c.find_patients(patient.system, patient.value))
    id = next(r["id"] for r in shared.resources if r["resourceType"] == "Patient")
    with pytest.raises(Refused):
        sandbox.ask(lambda c: c.everything(id))
    assert {name: len(sandbox.journal(name)) for name in before} == before


@pytest.mark.promise("P4")
def test_C_a_patient_never_seen_is_not_made_known_to_a_source_without_agreement(sandbox, shared):
    """First contact goes to nobody who may not answer: her number never leaves the node."""
    patient = sandbox.patient("patient_with_partial_dates")
    with pytest.raises(Refused):
        sandbox.ask(lambda c: c.find_patients(patient.system, patient.value))
    for name in ("gp", "specialist"):
        assert all(line["patient"] != "patient_with_partial_dates" for line in sandbox.journal(name))
