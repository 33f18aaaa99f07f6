"""`carepact demo` over given files, as it is typed: every part a process of its own, real sockets.

What somebody sees is asserted, and what nobody may see: a number or a name out of a file.
"""

import json

import pytest

from gateway.cli.app import run
from gateway.errors import Exit
from gateway.sandbox.mocks.files import NHS_NUMBER

SECRETS = ("9990000018", "9990000019", "LOCAL7", "Withrecord", "Admitted", "Lettered", "{{template}}")
ADT = "MSH|^~\\&|A|B|C|D|20260101||ADT^A01|{}|P|2.5\rPID|1||{}||{}||19700101|F\rPV1|1|I|W^1^2\r"


def bundle(number, note="one"):
    patient = {
        "resourceType": "Patient",
        "id": f"patient-{note}",
        "identifier": [{"system": NHS_NUMBER, "value": number}],
        "name": [{"family": "Withrecord"}],
        "birthDate": "1970-01-01",
    }
    condition = {
        "resourceType": "Condition",
        "id": f"condition-{note}",
        "clinicalStatus": "active",
        "subject": {"reference": f"Patient/patient-{note}"},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "38341003"}]},
    }
    entries = [{"resource": one} for one in (patient, condition)]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})


def letter(root, extension):
    return f"""<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.9.7"/>
    <code code="11488-4" codeSystem="2.16.840.1.113883.6.1"/><effectiveTime value="20260101"/>
    <confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/>
    <recordTarget><patientRole><id root="{root}" extension="{extension}"/>
    <patient><name><family>Lettered</family></name><birthTime value="19600101"/></patient>
    </patientRole></recordTarget><component><structuredBody/></component></ClinicalDocument>"""


@pytest.fixture
def demo(tmp_path, capfd):
    """Writes files, runs the demo over them with `--json`; exit code, steps by their first words, all output."""

    def play(**files):
        arguments = ["demo", "--json"]
        for option, held in files.items():
            for name, text in held.items():
                path = tmp_path / name
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(text.encode("utf-8"))
                arguments += [f"--{option}", str(path)]
        code = run(arguments)
        out, err = capfd.readouterr()
        assert not [secret for secret in SECRETS if secret in out + err]
        assert "Traceback" not in out + err
        return code, [json.loads(line) for line in out.splitlines()]

    return play


def step(steps, words):
    return [one for one in steps if one.get("step", "").startswith(words)]


def types(steps):
    found = [one["rows"] for one in steps if one.get("step", "").endswith("resources per type")]
    return [{row["type"]: row["resources"] for row in rows} for rows in found]


def test_files_about_different_people_end_ok(demo):
    """One exchange for each person, also two under one template number, a wrong check digit, a local OID."""
    code, steps = demo(
        gp={"a/record.json": bundle("{{template}}"), "b/record.json": bundle("{{template}}", "two")},
        hospital={"adt.hl7": ADT.format("1", "LOCAL7", "Admitted^Ada").replace("\r", "\n")},
        specialist={
            "oid.xml": letter("1.2.3.4", "LOCAL7"),
            "digit.xml": letter("2.16.840.1.113883.2.1.4.1", "9990000019").replace("1.9.7", "1.9.8"),
        },
    )
    assert steps[-1] == {"demo": "ok"} and code == Exit.DONE
    found = types(steps)
    assert [one["Patient"] for one in found] == [1] * 5
    assert sum(one.get("Condition", 0) for one in found) == 2
    assert sum(one.get("Composition", 0) for one in found) == 2
    assert sum(one.get("Encounter", 0) for one in found) == 1
    fates = [row for one in step(steps, "What became of every file") for row in one["rows"]]
    assert {row["file"] for row in fates} == {
        "a/record.json", "b/record.json", "adt.hl7", "oid.xml", "digit.xml",
    }  # fmt: skip
    assert all(row["stored"] == row["parts"] for row in fates)
    assert all(row["total"] == row["mapped"] + row["kept"] + row["lost"] for row in fates)


def test_what_is_no_record_is_named_with_its_reason_and_the_rest_goes_on(demo):
    """Exit 10, never a traceback: each file and each message that entered no record says why."""
    nobody = ADT.format("2", "", "Admitted^Nobody").replace("|2.5\r", "|2.3\r")
    code, steps = demo(
        gp={"empty.json": "", "outcome.json": '{"resourceType":"OperationOutcome"}'},
        hospital={
            "mixed.hl7": ADT.format("1", "LOCAL7", "Admitted^Ada") + nobody,
            "letter.xml": letter("1.2.3.4", "LOCAL7"),
        },
        specialist={"broken.xml": "<ClinicalDocument"},
    )
    assert steps[-1] == {"demo": "failed"} and code == Exit.CHECK_FAILED
    (refused,) = step(steps, "Files that are not served")
    assert {row["file"]: row["reason"] for row in refused["rows"]} == {
        "empty.json": "the file is empty",
        "outcome.json": "a FHIR OperationOutcome, not a Bundle",
        "letter.xml": "a CDA document: it belongs to --specialist",
        "broken.xml": "not well-formed XML",
    }
    (named,) = step(steps, "Messages and documents that entered no record")
    (row,) = named["rows"]
    assert (row["file"], row["part"]) == ("mixed.hl7", 2)
    assert row["answer"] == "AE 101 Required field missing" and "no-patient" in row["reason"]
    assert [one["Patient"] for one in types(steps)] == [1]


def test_files_without_any_record_start_nothing(demo):
    """No node is founded for nothing, and the last line says that not everything held."""
    code, steps = demo(specialist={"note.xml": "<section/>"})
    assert code == Exit.CHECK_FAILED and steps[-1] == {"demo": "failed"}
    assert [one["step"] for one in steps[:-1]] == [
        "Files that are not served",
        "No person was found in the files",
    ]
