"""What the desk records beside the choice itself: who gave it, the form, when it ends, what may surprise."""

import json
from datetime import timedelta
from typing import Any

from gateway.bootstrap import system_clock

PDF = b"%PDF-1.7 signed by hand"


def grant(home: Any, *more: str) -> Any:
    return home("consent", "grant", "--patient", home.grace, "--reason", "signed form", *more)


def later(**span: int) -> str:
    return (system_clock() + timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_the_form_is_kept_inside_the_consent_and_hashed(home: Any) -> None:
    """Type, size and hash are those of the file; what cannot be read, or is too large, stores nothing."""
    form = home.folder / "form.pdf"
    form.write_bytes(PDF)
    assert grant(home, "--permit", "TREAT", "--id", "c-1", "--evidence", str(form)).code == 0
    held = json.loads(home("consent", "show", "c-1", "--fhir").out)["sourceAttachment"]
    assert (held["contentType"], held["size"]) == ("application/pdf", len(PDF))
    assert home("consent", "withdraw", "c-1", "--reason", "by phone").code == 0
    assert json.loads(home("consent", "show", "c-1", "--fhir").out)["sourceAttachment"] == held
    assert grant(home, "--permit", "TREAT", "--id", "c-2", "--evidence", str(form) + ".none").code == 2
    form.write_bytes(bytes(1024 * 1024 + 1))
    assert grant(home, "--permit", "TREAT", "--id", "c-2", "--evidence", str(form)).code == 2
    assert home("consent", "show", "c-2").code == 4


def test_somebody_else_gives_it_for_her_and_the_desk_is_told_if_nobody_knows_her_right(home: Any) -> None:
    """The giver stands in the document; without a verified right on record the permit is told not to count."""
    made = grant(home, "--permit", "TREAT", "--id", "c-1", "--performer", "RelatedPerson/mother")
    assert made.code == 0
    assert "performer-without-right" in made.err
    held = json.loads(home("consent", "show", "c-1", "--fhir").out)
    assert held["performer"] == [{"reference": "RelatedPerson/mother"}]
    assert grant(home, "--permit", "TREAT", "--performer", "Practitioner/7").code == 2
    assert "without-right" not in grant(home, "--deny", "TREAT", "--performer", "RelatedPerson/mother").err


def test_what_may_surprise_is_told_when_it_is_recorded(home: Any) -> None:
    """A refusal of emergencies is stored and said so, in words and in JSON, also by a template and a rehearsal."""
    made = grant(home, "--deny", "ETREAT", "--json")
    assert [one["code"] for one in made.json["cautions"]] == ["emergency-refused"]
    permitted = grant(home, "--permit", "TREAT", "--json", "--dry-run").json
    assert [one["code"] for one in permitted["cautions"]] == ["silences-another"]
    used = ("consent", "template", "use", "gp-normal", "--patient", home.grace, "--reason", "form", "--json")
    assert [one["code"] for one in home(*used).json["cautions"]] == ["silences-another"]


def test_a_consent_that_silences_an_older_one_says_so(home: Any) -> None:
    """A permit takes an older refusal's voice: it is told before and after, and the list shows who speaks."""
    assert "silences-another" not in grant(home, "--deny", "HRESCH", "--id", "c-1").err
    assert "silences-another" in grant(home, "--permit", "TREAT", "--dry-run").err
    listed = ("consent", "list", "--patient", home.grace, "--json")
    assert [row["speaks"] for row in home(*listed).rows] == [True]
    assert "silences-another" in grant(home, "--permit", "TREAT", "--id", "c-2").err
    assert {row["id"]: row["speaks"] for row in home(*listed).rows} == {"c-1": False, "c-2": True}
    assert home("consent", "withdraw", "c-2", "--reason", "by phone").code == 0
    assert {row["id"]: row["speaks"] for row in home(*listed).rows} == {"c-1": False}


def test_an_id_that_is_none_and_a_form_that_is_empty_are_refused(home: Any) -> None:
    """Nothing is recorded under an id that FHIR cannot name, nor with a form that shows nothing."""
    assert (wrong := grant(home, "--permit", "TREAT", "--id", "../x y")).code == 2
    assert "--id" in wrong.err
    form = home.folder / "form.pdf"
    form.write_bytes(b"")
    assert (wrong := grant(home, "--permit", "TREAT", "--evidence", str(form))).code == 2
    assert "--evidence" in wrong.err
    assert home("consent", "list", "--patient", home.grace, "--json").rows == []


def test_an_import_names_what_may_surprise_row_by_row(home: Any) -> None:
    """The row is stored all the same; the report has the code."""
    file = home.folder / "forms.csv"
    system, _, value = home.grace.partition("|")
    file.write_text(
        f"patient_system,patient_id,effect,purposes,source_key\n{system},{value},deny,ETREAT,k1\n"
        f"{system},{value},permit,TREAT,k2\n"
    )
    done = home("consent", "import", str(file), "--reason", "forms")
    assert "row 1  created  caution: emergency-refused" in done.out
    report = home.folder / "report.jsonl"
    again = home("consent", "import", str(file), "--report", str(report), "--reason", "forms", "--json")
    assert [(row["outcome"], row["cautions"], row["would_flip"]) for row in again.rows] == [
        ("unchanged", [], 0),
        ("unchanged", [], 0),
    ]


def test_a_withdrawal_of_later_leaves_it_in_force_until_then(home: Any) -> None:
    """It ends at the instant and stays the newest; a part, a day, the past and an earlier end are refused."""
    grant(home, "--permit", "TREAT", "--id", "c-1")
    then = later(days=30)
    done = home("consent", "withdraw", "c-1", "--effective", then, "--reason", "moves away", "--json")
    assert (done.code, done.json["status"], done.json["version"]) == (0, "active", 2)
    assert done.json["until"].startswith(then.removesuffix("Z"))
    for wrong in ((then, "--only", "label:PSY"), ("2099-01-01",), ("2020-01-01T00:00:00Z",), ("soon",)):
        assert home("consent", "withdraw", "c-1", "--effective", *wrong, "--reason", "x").code == 2
    again = home("consent", "withdraw", "c-1", "--effective", later(days=60), "--reason", "x")
    assert (again.code, "ends before" in again.err) == (5, True)
    assert home("consent", "withdraw", "c-1", "--reason", "now after all").code == 0


def test_consents_are_told_as_they_were_known(home: Any) -> None:
    """Of an instant before the withdrawal the list has it active, and `show` the version of then."""
    grant(home, "--permit", "TREAT", "--id", "c-1")
    between = system_clock().isoformat()
    home("consent", "withdraw", "c-1", "--reason", "by phone")
    listed = ("consent", "list", "--patient", home.grace, "--json")
    assert home(*listed).rows == []
    assert [row["status"] for row in home(*listed, "--as-of", between).rows] == ["active"]
    assert home("consent", "show", "c-1", "--as-of", between, "--json").json["version"] == 1
    assert home("consent", "show", "c-1", "--as-of", "2020-01-01").code == 4
    assert home("consent", "show", "c-1", "--version", "2", "--as-of", between).code == 4
    assert home("consent", "show", "c-1", "--as-of", later(days=1)).code == 2


def test_consents_that_wait_for_a_person_are_listed(home: Any) -> None:
    """One stored in quarantine, one of a giver without right; not her own, nor one that was withdrawn."""
    assert home("consent", "tasks").code == 0
    grant(home, "--permit", "TREAT", "--id", "c-own")
    for id in ("c-given", "c-gone"):
        grant(home, "--permit", "TREAT", "--id", id, "--performer", "RelatedPerson/daughter")
    assert home("consent", "withdraw", "c-gone", "--reason", "by phone").code == 0
    system, _, value = home.grace.partition("|")
    odd = {
        "resourceType": "Consent", "id": "odd", "status": "active", "dateTime": "2026-01-01",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "patient": {"identifier": {"system": system, "value": value}},
        "provision": {"type": "permit", "mood": "good"},
    }  # fmt: skip
    file = home.folder / "odd.json"
    file.write_text(json.dumps({"resourceType": "Bundle", "entry": [{"resource": odd}]}))
    assert home("consent", "import", str(file), "--quarantine", "--reason", "forms").code == 0
    told = home("consent", "tasks", "--json")
    assert told.code == 10
    assert {row["why"] for row in told.rows} == {"uncomputable", "performer-without-right"}
    assert {row["id"] for row in told.rows if row["why"] != "uncomputable"} == {"c-given"}
    assert "Patient/" not in told.out
    assert home("consent", "tasks", "--since", "soon").code == 2
