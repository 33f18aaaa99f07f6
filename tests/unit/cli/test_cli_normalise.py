"""`carepact normalise`: names of outputs, the line of each input, exit codes, and that nothing leaks."""

import json
import re

import pytest

from gateway.intake.spool import DiskSpool

NHS_NUMBER = "9990000018"
HEADER = r"MSH|^~\&|LAB|RXX|EXCH|RYY|20260110093000||{}|{}|P|2.5"
PERSON = f"PID|1||{NHS_NUMBER}^^^NHS^NH~77^^^RXX^MR||Brought-In^Ada||19800101|F"
ADMISSION = "\r".join(
    (
        HEADER.format("ADT^A01^ADT_A01", "M1"),
        "EVN|A01|20260110093000",
        PERSON,
        "PV1|1|I|W1^^^RXX||||||||||||||||V1^^^RXX|||||||||||||||||||||||||20260110093000",
    )
)
DISCHARGE = "\r".join(
    (
        HEADER.format("ADT^A03^ADT_A03", "M2"),
        "EVN|A03|20260112093000",
        PERSON,
        "PV1|1|I|W1^^^RXX||||||||||||||||V1^^^RXX|||||||||||||||||||||||||20260110093000|20260112093000",
    )
)
PARTLY = ADMISSION + "\rZQX|7|a value that no table knows\rDG1|1||J18.9^Pneumonia^I10||20261399|A"
LETTER = f"""<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2.826.0.1.99" extension="L1"/>
<code code="11488-4" codeSystem="2.16.840.1.113883.6.1"/><effectiveTime value="20260310"/>
<recordTarget><patientRole><id root="2.16.840.1.113883.2.1.4.1" extension="{NHS_NUMBER}"/>
<patient><name><given>Ada</given><family>Brought-In</family></name></patient></patientRole></recordTarget>
<component><structuredBody><component><section><code code="10164-2" codeSystem="2.16.840.1.113883.6.1"/>
<title>History</title><text>She came on Monday.</text></section></component></structuredBody></component>
</ClinicalDocument>"""
RECORD = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [
        {
            "resource": {
                "resourceType": "Patient",
                "id": "p1",
                "meta": {
                    "profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-Patient-1"]
                },
                "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": NHS_NUMBER}],
                "name": [{"family": "Brought-In", "given": ["Ada"]}],
            }
        }
    ],
}
FHIR_XML = '<Patient xmlns="http://hl7.org/fhir"><id value="p1"/></Patient>'
AT = ("--at", "2026-02-03T04:05:06Z")


@pytest.fixture
def inputs(tmp_path):
    """A folder of inputs, one of each kind and ending."""
    folder = tmp_path / "in"
    folder.mkdir()
    texts = {
        "stay.hl7": ADMISSION,
        "partly.hl7": PARTLY,
        "letter.xml": LETTER,
        "record.json": json.dumps(RECORD),
        "fhir.xml": FHIR_XML,
        "both.hl7": f"{DISCHARGE}\r\n{ADMISSION}\r",
        "stay.txt": DISCHARGE,
    }
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8", newline="")
    return folder


@pytest.fixture
def normalised(carepact, inputs, tmp_path):
    """Run the command over inputs by name into an empty folder; how it ended, and that folder."""

    def run(*names, options=()):
        out = tmp_path / "out"
        said = carepact("normalise", *(str(inputs / n) for n in names), "--out", str(out), *AT, *options)
        return said, out

    return run


def read(path):
    data = path.read_bytes()
    assert data.endswith(b"\n") and data.count(b"\n") == 1
    return json.loads(data)


def test_an_input_becomes_a_bundle_and_a_ledger(normalised):
    """Two files by the stem, one line on stdout with the sums of the ledger, exit 0."""
    said, out = normalised("stay.hl7")
    assert said.code == 0 and said.err == ""
    assert sorted(p.name for p in out.iterdir()) == ["stay.bundle.json", "stay.losses.json"]
    counts = read(out / "stay.losses.json")["counts"]
    resources = len(read(out / "stay.bundle.json")["entry"])
    sums = " ".join(f"{name}={counts[name]}" for name in ("total", "mapped", "kept", "lost"))
    assert said.out == f"stay.hl7  complete  resources={resources} {sums}\n"
    assert counts["total"] == counts["mapped"] + counts["kept"] + counts["lost"]


def test_the_bundle_is_what_the_contract_says(normalised):
    """A collection of the named members only: Patients first, Provenance last, addresses under the base."""
    _, out = normalised("stay.hl7", options=("--base", "https://node.example/r4/"))
    bundle = read(out / "stay.bundle.json")
    assert list(bundle) == ["resourceType", "id", "identifier", "type", "timestamp", "entry"]
    assert bundle["timestamp"] == "2026-02-03T04:05:06Z" and bundle["type"] == "collection"
    kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    assert kinds[0] == "Patient" and kinds[-1] == "Provenance" and kinds.count("Provenance") == 1
    for entry in bundle["entry"]:
        one = entry["resource"]
        assert list(entry) == ["fullUrl", "resource"]
        assert entry["fullUrl"] == f"https://node.example/r4/{one['resourceType']}/{one['id']}"
        assert one["resourceType"] == "Provenance" or one["meta"]["source"].endswith(
            f"#{bundle['identifier']['value']}"
        )


def test_the_ledger_names_its_input_and_no_value(normalised, inputs):
    """Size, hash and intake of the input; positions and reasons, never a word of the patient."""
    import hashlib

    said, out = normalised("partly.hl7", options=("--zone", "Europe/London", "--source", "adt"))
    losses = read(out / "partly.losses.json")
    body = (inputs / "partly.hl7").read_bytes()
    assert losses["schema"] == "carepact-losses/1"
    assert losses["input"] | {"mapping": ""} == {
        "name": "partly.hl7", "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest(), "format": "hl7v2",
        "source": "adt", "custodian": "local", "mapping": "",
        "intakes": [read(out / "partly.bundle.json")["identifier"]["value"]],
    }  # fmt: skip
    zone = [one for one in losses["assumptions"] if one["kind"] == "zone"]
    assert [(one["value"], one["basis"]) for one in zone] == [("Europe/London", "option")]
    reasons = {(e["position"], e["disposition"], e["reason"]) for e in losses["entries"]}
    assert {("ZQX[1]", "kept", "z-segment"), ("DG1[1]-5", "rejected", "bad-date")} <= reasons
    text = said.out + said.err + json.dumps(losses)
    assert not [word for word in (NHS_NUMBER, "Brought-In", "Pneumonia", "no table") if word in text]


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (("stay.hl7",), 0),
        (("stay.hl7", "partly.hl7"), 3),
        (("partly.hl7", "fhir.xml", "stay.hl7"), 1),
        (("stay.hl7", "not-there.hl7"), 1),
        ((), 1),
    ],
)
def test_the_exit_code_tells_the_worst_ending(normalised, names, code):
    """0 all complete, 3 some partial, 1 any error, no file, or none given; the other inputs go on."""
    said, out = normalised(*names)
    assert said.code == code
    assert len(said.out.splitlines()) == len(names)
    readable = [name for name in names if name != "not-there.hl7"]
    assert len(list(out.iterdir()) if out.exists() else []) == 2 * len(readable)


def test_what_is_not_taken_in_says_so(normalised):
    """An error leaves both files too: a bundle without entries and one line of the ledger."""
    said, out = normalised("fhir.xml", options=("--json",))
    assert said.code == 1
    assert said.json["status"] == "error" and said.json["worst"] == "failed/format-not-supported"
    assert "entry" not in read(out / "fhir.bundle.json")
    losses = read(out / "fhir.losses.json")
    assert losses["input"]["format"] is None and losses["status"] == "error"
    assert [entry["reason"] for entry in losses["entries"]] == ["format-not-supported"]


def test_two_inputs_of_one_stem_keep_apart(normalised):
    """`stay.hl7` and `stay.txt`: the second gets `.2`, in the order of the command line."""
    said, out = normalised("stay.hl7", "stay.txt", "letter.xml")
    names = {f"{stem}.{part}.json" for stem in ("stay", "stay.2", "letter") for part in ("bundle", "losses")}
    assert {path.name for path in out.iterdir()} == names
    assert read(out / "stay.2.losses.json")["input"]["name"] == "stay.txt"
    assert [line.split()[0] for line in said.out.splitlines()] == ["stay.hl7", "stay.txt", "letter.xml"]


def test_json_lines_are_for_machines(normalised):
    """One object an input with the paths of both files, the resources by type and the sums."""
    said, out = normalised("stay.hl7", "partly.hl7", options=("--json",))
    first, second = said.rows
    assert first["input"] == "stay.hl7" and first["status"] == "complete" and first["worst"] is None
    assert first["bundle"] == str(out / "stay.bundle.json")
    assert first["resources"]["Patient"] == 1
    assert set(second["counts"]) == {"total", "mapped", "kept", "lost", "assumed", "altered"}
    assert second["worst"] == "rejected/bad-date"


def test_a_pipe_gets_ndjson(carepact, inputs, tmp_path, monkeypatch):
    """`--out -`: per input one line with bundle and ledger on stdout, the summaries on stderr, no file."""
    monkeypatch.chdir(tmp_path)
    paths = [str(inputs / name) for name in ("stay.hl7", "letter.xml")]
    said = carepact("normalise", *paths, "--out", "-", *AT)
    assert [row["input"] for row in said.rows] == ["stay.hl7", "letter.xml"]
    assert all(row["bundle"]["entry"] and row["losses"]["schema"] for row in said.rows)
    assert [line.split()[0] for line in said.err.splitlines()] == ["stay.hl7", "letter.xml"]
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_messages_of_one_file_are_folded(normalised):
    """A discharge before its admission in the file: one Encounter, finished, with both Provenances."""
    _, out = normalised("both.hl7")
    resources = [entry["resource"] for entry in read(out / "both.bundle.json")["entry"]]
    (stay,) = [one for one in resources if one["resourceType"] == "Encounter"]
    assert stay["status"] == "finished" and stay["period"]["end"]
    assert [one["resourceType"] for one in resources][-2:] == ["Provenance", "Provenance"]
    assert {entry["unit"] for entry in read(out / "both.losses.json")["entries"]} == {1, 2}


def test_lines_stand_in_the_order_of_the_input(normalised):
    """Message by message, segment by segment, field by field: not in the order in which a mapping came by."""
    _, out = normalised("both.hl7", options=("--zone", "Europe/London"))
    entries = read(out / "both.losses.json")["entries"]
    assert [entry["unit"] for entry in entries] == sorted(entry["unit"] for entry in entries)
    order = {"MSH": 0, "EVN": 1, "PID": 2, "PV1": 3}
    for unit in (1, 2):
        places = [entry["position"].split("-") for entry in entries if entry["unit"] == unit]
        ranks = [(order[name[:3]], int(re.match(r"\d+", field)[0])) for name, field in places]
        assert ranks == sorted(ranks) and {rank[0] for rank in ranks} == {0, 1, 2, 3}


@pytest.mark.parametrize(("name", "format"), [("record.json", "gp-connect"), ("letter.xml", "cda")])
def test_formats_are_told_by_the_bytes_or_forced(normalised, name, format):
    """auto finds the format; the same format forced gives the same bytes."""
    said, out = normalised(name)
    found = (out / f"{name.partition('.')[0]}.bundle.json").read_bytes()
    assert said.code in (0, 3)
    assert read(out / f"{name.partition('.')[0]}.losses.json")["input"]["format"] == format
    normalised(name, options=("--format", format))
    assert (out / f"{name.partition('.')[0]}.bundle.json").read_bytes() == found
    said, out = normalised(name, options=("--format", "hl7v2"))
    assert said.code == 1


def test_no_room_for_the_temporary_file_is_said(carepact, inputs, tmp_path, monkeypatch):
    """A large input and nowhere to lay it down: one line and exit code 1, no traceback, no half output."""
    monkeypatch.setattr(DiskSpool.__init__, "__defaults__", (tmp_path / "not there",))
    monkeypatch.setattr(DiskSpool.__init__, "__kwdefaults__", {"threshold": 0})
    said = carepact("normalise", str(inputs / "both.hl7"), "--out", str(tmp_path / "out"), *AT)
    assert said.code == 1
    assert "no room" in said.err
    assert list((tmp_path / "out").iterdir()) == []
