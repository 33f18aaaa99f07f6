"""Sources that fail, each fault at each kind: the answer is partial, says so, and is right in what it says."""

import time

import pytest

from gateway.client.errors import PartialAnswer, Refused

PATIENT = "patient_with_exact_decimals"
PULLED = [("gp", "gp"), ("specialist", "letters")]
FAULTS = [
    pytest.param({"kind": "down"}, "failed", {"unreachable"}, id="down"),
    pytest.param({"kind": "http", "status": 500}, "failed", None, id="http-500"),
    pytest.param({"kind": "http", "status": 429, "retry_after": 3600}, "failed", None, id="http-429"),
    pytest.param({"kind": "truncate", "bytes": 300}, "failed", None, id="truncate"),
    pytest.param({"kind": "invalid_json"}, "failed", {"malformed"}, id="invalid-json"),
    pytest.param({"kind": "wrong_patient"}, "failed", {"quarantined"}, id="wrong-patient"),
    pytest.param(
        {"kind": "wrong_patient", "disguised": True}, "failed", {"quarantined", "malformed"}, id="disguised"
    ),
    pytest.param({"kind": "hang"}, "timed-out", None, id="hang"),
]


@pytest.fixture(scope="module")
def complete(sandbox):
    """Her whole record, before anything goes wrong; her hospital sent what it has."""
    assert {line["code"] for line in sandbox.send(PATIENT)} == {"AA"}
    sandbox.permit(PATIENT)
    return sandbox.everything(PATIENT, accept_partial=False)


def names_of_others(sandbox, label):
    """What would betray another patient: numbers, family names, record numbers."""
    others = [one.person for one in sandbox.population.patients if one.label != label]
    mine = sandbox.population.find(label).person
    words = {w for p in others for w in (p.nhs_number, p.mrn, p.family)}
    return {word for word in words if word not in (mine.family, mine.nhs_number, mine.mrn)}


@pytest.mark.promise("P3")
@pytest.mark.parametrize(("provider", "source"), PULLED, ids=["gp", "specialist"])
@pytest.mark.parametrize(("fault", "state", "reasons"), FAULTS)
def test_F_1_a_failed_source_is_named_and_costs_only_itself(
    free_of_faults, complete, by_source, provider, source, fault, state, reasons
):
    """The statement has the source with state and reason; the others are whole; the SDK raises."""
    sandbox = free_of_faults
    whole = by_source(complete)
    id = sandbox.known_id(PATIENT)
    sandbox.faults(provider, fault)
    answer = sandbox.ask(lambda c: c.everything(id, accept_partial=True))
    found = by_source(answer)
    assert answer.statement["status"] == "partial"
    assert found[source]["state"] == state
    if reasons:
        assert found[source]["reason"] in reasons
    assert "counts" not in found[source]
    for other in found.keys() - {source}:
        assert found[other]["state"] == "answered"
        assert found[other]["counts"] == whole[other]["counts"]
    assert len(answer.resources) == sum(sum(found[o]["counts"].values()) for o in found.keys() - {source})
    assert "total" not in answer.bundle
    text = answer.raw.decode("utf-8")
    assert not [word for word in names_of_others(sandbox, PATIENT) if word in text]


@pytest.mark.promise("P3")
def test_P_3_an_answer_of_another_content_type_is_not_taken_for_a_record(free_of_faults, complete, by_source):
    """A GP system that answers `text/html` with status 200 has failed, whatever the bytes look like."""
    id = free_of_faults.known_id(PATIENT)
    free_of_faults.faults("gp", {"kind": "wrong_content_type"})
    answer = free_of_faults.ask(lambda c: c.everything(id, accept_partial=True))
    assert by_source(answer)["gp"]["state"] == "failed"


@pytest.mark.promise("P3")
def test_F_7_a_summary_with_the_named_patients_source_down_says_unavailable(
    free_of_faults, complete, by_source
):
    """The IPS still comes, about the same person, names the failed source, and asserts no absence."""
    sandbox = free_of_faults
    patients = {r["id"] for r in complete.resources if r["resourceType"] == "Patient"}
    for id in sorted(patients):
        sandbox.clear()
        for provider in ("gp", "specialist"):
            sandbox.faults(provider, {"kind": "down"})
        answer = sandbox.ask(lambda c, id=id: c.summary(id, accept_partial=True))
        entries = {entry["fullUrl"]: entry["resource"] for entry in answer.bundle["entry"]}
        composition = answer.bundle["entry"][0]["resource"]
        assert entries[composition["subject"]["reference"]]["id"] in patients
        assert {s: r["state"] for s, r in by_source(answer).items()} == {
            "gp": "failed", "adt": "answered", "letters": "failed",
        }  # fmt: skip
        empty = [s["emptyReason"]["coding"][0]["code"] for s in composition["section"] if "emptyReason" in s]
        assert set(empty) <= {"unavailable"}


@pytest.mark.promise("P3")
def test_F_1_types_asked_for_do_not_hide_the_patient(free_of_faults, complete):
    """`$everything?_type=Observation` answers with observations: the Patient need not be asked for."""
    sandbox = free_of_faults
    id = sandbox.known_id(PATIENT)

    async def only(client):
        return await client._ask("GET", f"/fhir/Patient/{id}/$everything?_type=Observation", b"", False)

    answer = sandbox.ask(only)
    assert {r["resourceType"] for r in answer.resources} == {"Observation"}


@pytest.mark.promise("P3")
def test_F_1_the_sdk_raises_unless_partial_was_accepted(free_of_faults, complete):
    """A caller that does not say it takes partial answers gets `PartialAnswer`, with the sources' states."""
    id = free_of_faults.known_id(PATIENT)
    free_of_faults.faults("gp", {"kind": "down"})
    with pytest.raises(PartialAnswer) as raised:
        free_of_faults.ask(lambda c: c.everything(id))
    assert {row["source"]: row["state"] for row in raised.value.sources}["gp"] == "failed"


@pytest.mark.promise("P3")
def test_F_1_after_the_fault_the_answer_is_whole_again(free_of_faults, complete, by_source):
    """No fault leaves anything behind: the same question has the same records as before."""
    again = free_of_faults.everything(PATIENT, accept_partial=False)
    assert {s: r["counts"] for s, r in by_source(again).items()} == {
        s: r["counts"] for s, r in by_source(complete).items()
    }
    kept = {(r["resourceType"], r["id"]) for r in complete.resources}
    assert {(r["resourceType"], r["id"]) for r in again.resources} == kept


@pytest.mark.promise("P5")
def test_F_3_a_wrong_patient_on_first_contact_is_never_shown(free_of_faults, by_source):
    """Nobody was ever asked about her before: the very first answer is another person's record."""
    sandbox = free_of_faults
    label = "patient_with_conflicting_allergy"
    sandbox.send(label)
    sandbox.permit(label)
    sandbox.faults("gp", {"kind": "wrong_patient", "disguised": True})
    sandbox.faults("specialist", {"kind": "wrong_patient"})
    answer = sandbox.everything(label)
    found = by_source(answer)
    assert {s: found[s]["state"] for s in found} == {"gp": "failed", "adt": "answered", "letters": "failed"}
    text = answer.raw.decode("utf-8")
    assert not [word for word in names_of_others(sandbox, label) if word in text]
    sandbox.clear()
    later = by_source(sandbox.everything(label))
    assert {later[s]["state"] for s in later} == {"answered"}, (
        "the right record was shut out by the wrong one"
    )


@pytest.mark.promise("P3")
def test_F_6_a_late_source_does_not_delay_the_answer(free_of_faults, complete, by_source):
    """A source that answers after the deadline is `timed-out`; the answer comes within the deadline."""
    sandbox = free_of_faults
    id = sandbox.known_id(PATIENT)
    sandbox.faults("specialist", {"kind": "latency", "ms": 60_000})
    before = time.monotonic()
    answer = sandbox.ask(lambda c: c.everything(id, accept_partial=True))
    assert time.monotonic() - before < 45
    states = {s: row["state"] for s, row in by_source(answer).items()}
    assert states == {"gp": "answered", "adt": "answered", "letters": "timed-out"}


@pytest.mark.promise("P3")
def test_F_6_a_slow_source_within_the_deadline_is_waited_for(free_of_faults, complete, by_source):
    """Latency below the deadline costs time, not completeness."""
    id = free_of_faults.known_id(PATIENT)
    free_of_faults.faults("gp", {"kind": "latency", "ms": 600})
    answer = free_of_faults.ask(lambda c: c.everything(id))
    assert {row["state"] for row in by_source(answer).values()} == {"answered"}


@pytest.mark.promise("P3")
def test_F_4_an_unknown_patient_with_sources_down_is_not_told_to_have_no_record(free_of_faults, by_source):
    """Pull sources down, the feed knows nobody: not a complete empty answer; each failure is named."""
    sandbox = free_of_faults
    for provider in ("gp", "specialist"):
        sandbox.faults(provider, {"kind": "down"})
    patient = sandbox.patient("patient_unknown_everywhere")
    with pytest.raises((PartialAnswer, Refused)) as raised:
        sandbox.ask(lambda c: c.find_patients(patient.system, patient.value))
    if isinstance(raised.value, Refused):
        assert (raised.value.status, raised.value.category) == (504, "no_source_answered")
    else:
        states = {row["source"]: row["state"] for row in raised.value.sources}
        assert states == {"gp": "failed", "letters": "failed", "adt": "not-available"}


@pytest.mark.promise("P7")
def test_V_4_unknown_and_denied_look_the_same(free_of_faults, by_source):
    """A patient nobody knows and one who permits nothing get the same states and the same empty answer."""
    sandbox = free_of_faults
    answers = []
    for label in ("patient_unknown_everywhere", "patient_known_only_to_gp"):
        patient = sandbox.patient(label)
        answers.append(sandbox.ask(lambda c, p=patient: c.find_patients(p.system, p.value)))
    shown = [{s: r["state"] for s, r in by_source(a).items()} for a in answers]
    assert shown[0] == shown[1] == dict.fromkeys(("gp", "adt", "letters"), "not-available")
    assert [a.resources for a in answers] == [(), ()]
    with pytest.raises(Refused) as refused:
        sandbox.ask(lambda c: c.everything("0123456789abcdef"))
    assert (refused.value.status, refused.value.category) == (404, "not_available")


@pytest.mark.promise("P5")
def test_F_3_results_of_another_patient_under_her_number_stay_out_of_her_record(free_of_faults, complete):
    """The hospital mixes two people up: not accepted as hers, named as such, nothing of it in an answer."""
    sandbox = free_of_faults
    sandbox.faults("hospital", {"kind": "wrong_patient"})
    lines = sandbox.send(PATIENT)
    sandbox.clear()
    mixed = [line for line in lines if "wrong_patient" in line["faults"]]
    assert mixed
    assert {(line["code"], line["error"]) for line in mixed} == {("AE", "204")}
    answer = sandbox.everything(PATIENT, accept_partial=False)
    text = answer.raw.decode("utf-8")
    assert not [word for word in names_of_others(sandbox, PATIENT) if word in text]
    assert clinical(answer) == clinical(complete)


def clinical(answer):
    """What the answer says of her; a Provenance is made anew for each original that is taken in."""
    return {(r["resourceType"], r["id"]) for r in answer.resources if r["resourceType"] != "Provenance"}
