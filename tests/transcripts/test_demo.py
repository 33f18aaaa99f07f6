"""`carepact demo` as a person types it: whole processes, what they print and how they end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

NHS = "https://fhir.nhs.uk/Id/nhs-number"
PATHOLOGIST, RETIRED, VISITOR = "9990007314", "9990007322", "9990007330"
"""Three invented people, one in each file."""


def carepact(*arguments, cwd=None):
    """Run the command; its output comes through a pipe, as in a script."""
    return subprocess.run(
        [sys.executable, "-m", "gateway", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "100", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=180,
    )


def number(body):
    """A number of the test range with its check digit."""
    rest = 11 - sum(w * int(d) for w, d in zip(range(10, 1, -1), body, strict=True)) % 11
    assert rest != 10
    return body + str(rest % 11)


def gp_record(nhs_number):
    """A small structured record as GP systems send it: STU3, one problem, one allergy, one reading."""

    def concept(code, words):
        return {"coding": [{"system": "http://snomed.info/sct", "code": code, "display": words}]}

    about = {"reference": "Patient/1"}
    resources = [
        {
            "resourceType": "Patient",
            "id": "1",
            "identifier": [{"system": NHS, "value": nhs_number}],
            "name": [{"use": "official", "family": "Oakmoor", "given": ["Petra"]}],
            "gender": "female",
            "birthDate": "1961-05-04",
        },
        {
            "resourceType": "Condition",
            "id": "2",
            "clinicalStatus": "active",
            "verificationStatus": "confirmed",
            "category": [{"coding": [{"code": "problem-list-item"}]}],
            "code": concept("38341003", "Hypertension"),
            "subject": about,
            "onsetDateTime": "2014",
        },
        {
            "resourceType": "AllergyIntolerance",
            "id": "3",
            "clinicalStatus": "active",
            "verificationStatus": "unconfirmed",
            "code": concept("91936005", "Allergy to penicillin"),
            "patient": about,
            "assertedDate": "2011-02-03",
        },
        {
            "resourceType": "Observation",
            "id": "4",
            "status": "final",
            "code": concept("271649006", "Systolic blood pressure"),
            "subject": about,
            "effectiveDateTime": "2020-01-02T10:11:12+00:00",
            "valueQuantity": {"value": 120, "unit": "mmHg"},
        },
    ]
    entries = [{"resource": resource} for resource in resources]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


def hl7(*segments):
    return "".join(f"{segment}\r" for segment in segments).encode()


def admission(nhs_number, control="ADM00001"):
    """An ADT A01 with a diagnosis."""
    return hl7(
        f"MSH|^~\\&|PAS|RXX|NODE|GF|20260301101500+0000||ADT^A01^ADT_A01|{control}|P|2.5.1",
        "EVN|A01|20260301101000",
        f"PID|1||{nhs_number}^^^NHS^NH~RXX778899^^^RXX^MR||HOLLINMERE^TOBIAS||19480817|M",
        "PV1|1|I|WARD-3^^^RXX||||||||||||||||V20260301^^^RXX^VN|||||||||||||||||||||||||20260301101000",
        "DG1|1||195967001^Asthma^SCT||20260301|W",
    )


def result(nhs_number, control="RES00001"):
    """An ORU R01 with one potassium."""
    return hl7(
        f"MSH|^~\\&|LAB|RXX|NODE|GF|20260302101500+0000||ORU^R01^ORU_R01|{control}|P|2.5.1",
        f"PID|1||{nhs_number}^^^NHS^NH~RXX778899^^^RXX^MR||HOLLINMERE^TOBIAS||19480817|M",
        "OBR|1||L0001^RXX|24326-1^Electrolytes^LN|||20260302090000|||||||||||||||20260302100000||CH|F",
        "OBX|1|NM|2823-3^Potassium^LN||4.10|mmol/L|3.5-5.3|N|||F|||20260302090000",
    )


def letter(nhs_number):
    """A C-CDA document with a problem in words."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <templateId root="2.16.840.1.113883.10.20.22.1.1"/>
  <id root="1.2.826.0.1.99" extension="transcript-1"/>
  <code code="11488-4" codeSystem="2.16.840.1.113883.6.1" displayName="Consult note"/>
  <title>Letter</title>
  <effectiveTime value="20260310143000+0000"/>
  <confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/>
  <recordTarget><patientRole>
    <id root="2.16.840.1.113883.2.1.4.1" extension="{nhs_number}"/>
    <patient><name use="L"><given>Vera</given><family>Quayle-Stone</family></name>
      <administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/>
      <birthTime value="19900102"/></patient></patientRole></recordTarget>
  <author><time value="20260310143000+0000"/><assignedAuthor><id root="1.2.826.0.1.99.7" extension="C1"/>
    <assignedPerson><name><given>Ida</given><family>Author</family></name></assignedPerson>
  </assignedAuthor></author>
  <custodian><assignedCustodian><representedCustodianOrganization>
    <id root="1.2.826.0.1.99.8" extension="clinic"/><name>Harbour Clinic</name>
  </representedCustodianOrganization></assignedCustodian></custodian>
  <component><structuredBody><component><section>
    <code code="11450-4" codeSystem="2.16.840.1.113883.6.1"/><title>Problems</title>
    <text><paragraph>Migraine without aura</paragraph></text>
  </section></component></structuredBody></component>
</ClinicalDocument>""".encode()


@pytest.fixture
def files(tmp_path):
    """Writes files and names them."""

    def write(**contents):
        paths = {}
        for name, body in contents.items():
            paths[name] = tmp_path / name.replace("_", ".")
            paths[name].write_bytes(body)
        return paths

    return write


def steps(run):
    """The objects that `--json` prints, one a line."""
    return [json.loads(line) for line in run.stdout.splitlines()]


def people(found):
    """Steps that are the exchange of one person."""
    return [s for s in found if s.get("step", "").startswith("Person") and "per type" not in s["step"]]


def test_the_demo_piped_is_plain_and_ends_with_ok():
    """Exit 0, last line `demo: ok`, no terminal codes, nothing of a patient, no trace, few warnings."""
    run = carepact("demo")
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines[-1] == "demo: ok"
    assert not [line for line in lines if line.startswith("!")]
    assert "\x1b" not in run.stdout
    assert "999000" not in run.stdout + run.stderr
    assert "Traceback" not in run.stderr
    for words in ("st-brides.example/adt", "harbour.example/letters", "consent-deny", "Receipts and ledger"):
        assert words in run.stdout


def test_the_demo_as_json_is_one_object_a_line():
    """Every line is an object; each step says its name, whether it held, and how long it took."""
    run = carepact("demo", "--json")
    assert run.returncode == 0, run.stderr
    found = steps(run)
    assert found[-1] == {"demo": "ok"}
    for step in found[:-1]:
        assert {"step", "ok", "detail", "seconds", "rows"} == set(step)
        assert step["ok"] is True
    assert len(found) >= 9


def test_files_of_three_people_give_three_exchanges(files):
    """One exchange for each person found, each of whom only her own source knows; exit 0."""
    given = files(
        record_json=gp_record(PATHOLOGIST), adt_hl7=admission(RETIRED), oru_hl7=result(RETIRED),
        letter_xml=letter(VISITOR),
    )  # fmt: skip
    run = carepact(
        "demo", "--json", "--gp", given["record_json"], "--hospital", given["adt_hl7"],
        "--hospital", given["oru_hl7"], "--specialist", given["letter_xml"],
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    found = steps(run)
    assert found[-1] == {"demo": "ok"}
    asked = people(found)
    assert [one["step"] for one in asked] == [f"Person {n} of 3" for n in (1, 2, 3)]
    answered = [{row["source"] for row in one["rows"] if row["state"] == "answered"} for one in asked]
    assert sorted(map(sorted, answered)) == [
        ["greenfield.example/gp"], ["harbour.example/letters"], ["st-brides.example/adt"],
    ]  # fmt: skip
    for secret in (PATHOLOGIST, RETIRED, VISITOR, "Oakmoor", "HOLLINMERE", "Quayle"):
        assert secret not in run.stdout + run.stderr
    (losses,) = (s for s in found if s.get("step") == "What became of every value")
    for row in losses["rows"]:
        assert row["total"] == row["mapped"] + row["kept"] + row["lost"]


def test_several_files_behind_one_option_are_all_taken(files):
    """`--hospital a.hl7 b.hl7` is the same as the option twice."""
    given = files(adt_hl7=admission(RETIRED), oru_hl7=result(RETIRED))
    run = carepact("demo", "--hospital", given["adt_hl7"], given["oru_hl7"])
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Person 1 of 1" in run.stdout
    assert "adt.hl7" in run.stdout and "oru.hl7" in run.stdout
    assert run.stdout.splitlines()[-1] == "demo: ok"


def test_files_about_one_person_are_one_exchange(files):
    """The same number, name and birth date in GP record and HL7: one person, one question, both sources."""
    record = gp_record(RETIRED).replace(b"Oakmoor", b"Hollinmere").replace(b"Petra", b"Tobias")
    record = record.replace(b"1961-05-04", b"1948-08-17").replace(b'"female"', b'"male"')
    given = files(record_json=record, adt_hl7=admission(RETIRED))
    run = carepact("demo", "--json", "--gp", given["record_json"], "--hospital", given["adt_hl7"])
    assert run.returncode == 0, run.stdout + run.stderr
    (one,) = people(steps(run))
    states = {row["source"]: row["state"] for row in one["rows"]}
    assert states["greenfield.example/gp"] == states["st-brides.example/adt"] == "answered"


def test_nobody_is_linked_to_fit(files):
    """The same number with another name and birth date is not the same person's record."""
    given = files(record_json=gp_record(RETIRED), adt_hl7=admission(RETIRED))
    run = carepact("demo", "--json", "--gp", given["record_json"], "--hospital", given["adt_hl7"])
    for one in people(steps(run)):
        answered = {row["source"] for row in one["rows"] if row["state"] == "answered"}
        assert answered != {"greenfield.example/gp", "st-brides.example/adt"}
    assert run.returncode == 10


BAD = {
    "not_txt": (b"this is no HL7 at all\n", "--hospital", "no MSH segment"),
    "cut_json": (b'{"resourceType": "Bundle", "entry": [', "--gp", "JSON"),
    "other_json": (b'{"resourceType": "Patient"}', "--gp", "not a"),
    "page_xml": (b"<html><body/></html>", "--specialist", ""),
    "cut_xml": (b"<ClinicalDocument><recordTarget>", "--specialist", "XML"),
    "empty_hl7": (b"", "--hospital", ""),
}


def test_files_that_are_no_record_are_named_and_the_rest_goes_on(files):
    """Each with its reason; the good file is still exchanged; exit 10 and no `demo: ok`."""
    given = files(good_json=gp_record(PATHOLOGIST), **{name: body for name, (body, _, _) in BAD.items()})
    arguments = ["--gp", given["good_json"]]
    for name, (_, option, _) in BAD.items():
        arguments += [option, given[name]]
    run = carepact("demo", "--json", *arguments)
    assert run.returncode == 10, run.stdout + run.stderr
    found = steps(run)
    assert found[-1] == {"demo": "failed"}
    told = [row for step in found if not step.get("ok", True) for row in step["rows"] if "reason" in row]
    reasons = {row["file"]: row["reason"] for row in told}
    assert set(reasons) == {name.replace("_", ".") for name in BAD}
    for name, (_, _, word) in BAD.items():
        assert word in reasons[name.replace("_", ".")], name
    assert len(people(found)) == 1
    assert "Traceback" not in run.stderr


def test_only_bad_files_end_with_ten_and_say_so(files):
    """Nothing that is a record: nobody is found, exit 10, no trace."""
    given = files(not_txt=b"nothing")
    run = carepact("demo", "--hospital", given["not_txt"], "--gp", Path("/nowhere/at/all.json"))
    assert run.returncode == 10
    assert "No person was found in the files" in run.stdout
    assert "the file cannot be read" in run.stdout
    assert "Traceback" not in run.stderr


def test_an_unknown_option_is_a_usage_error():
    """Exit 2 and a line that says what is wrong; nothing is started."""
    run = carepact("demo", "--patient", "x")
    assert run.returncode == 2
    assert "--patient" in run.stderr
    assert run.stdout == ""


def test_the_numbers_of_these_files_are_of_the_test_range():
    """No number of a real person can stand here: 999 range, right check digit."""
    for given in (PATHOLOGIST, RETIRED, VISITOR):
        assert given == number(given[:9]) and given.startswith("999")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_demo_that_is_ended_leaves_nothing_behind(tmp_path, number):
    """Ctrl-C, SIGTERM, a closed terminal: no temporary folder (it may hold given files), no process, no trace."""
    command = [sys.executable, "-u", "-m", "gateway", "demo"]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # a runner in the background ignores some
    )
    assert running.stdout.readline().startswith("* A node")
    assert len(processes_under(tmp_path)) == 4
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    assert running.returncode in (130, 143)
    assert "demo: ok" not in out
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []
    assert processes_under(tmp_path) == []


def processes_under(folder):
    """Processes whose command line names a folder."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in line.read_bytes():
                found.append(int(line.parent.name))
        except OSError:
            continue
    return found
