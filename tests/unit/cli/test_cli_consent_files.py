"""`carepact consent lint | export | template`: consents as files, and the ones that most patients give."""

import csv
import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest

REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"


def consent(**more: Any) -> dict[str, Any]:
    scope = {
        "coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}
        ]
    }
    provision = {"type": "permit", "purpose": [{"system": REASON, "code": "TREAT"}]}
    return {"resourceType": "Consent", "status": "active", "scope": scope, "category": [{"text": "desk"}],
            "patient": {"reference": "Patient/careful"}, "dateTime": "2026-01-01T00:00:00Z",
            "provision": provision} | more  # fmt: skip


def write(home: Any, name: str, content: Any) -> str:
    file: Path = home.folder / name
    file.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return str(file)


def grant(home: Any, *more: str) -> Any:
    said = home("consent", "grant", "--patient", home.grace, "--reason", "form", *more)
    assert said.code == 0
    return said


def export(home: Any, *more: str) -> Any:
    return home("consent", "export", "--patient", home.grace, *more)


def can(home: Any, purpose: str) -> int:
    asked = ("--org", home.peer, "--role", "doctor", "--purpose", purpose, "-q")
    return int(home("consent", "can", "--patient", home.grace, *asked).code)


def test_lint_ends_by_what_it_found(home: Any) -> None:
    """Clean is 0, a warning alone 10, a refusal 2, also beside a warning; each names file, row and path."""
    clean = write(home, "clean.json", consent())
    silent = write(home, "silent.json", consent(status="rejected"))
    broken = write(home, "broken.json", consent(decision="permit"))
    assert home("consent", "lint", clean).code == 0
    warned = home("consent", "lint", clean, silent, "--json")
    assert (warned.code, [row["code"] for row in warned.rows]) == (10, ["rejected-is-silent"])
    refused = home("consent", "lint", silent, broken, "--json")
    assert refused.code == 2
    assert [(row["level"], row["path"]) for row in refused.rows] == [
        ("warning", "Consent.status"),
        ("refused", "Consent.decision"),
    ]


def test_lint_knows_the_law_of_the_node(home: Any) -> None:
    """A data filter is a surprise only where silence permits: this node's law is opt-in, so it is none."""
    root = consent()["provision"] | {
        "class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Observation"}]
    }
    limited = write(home, "limited.json", consent(provision=root))
    assert home("consent", "lint", limited).code == 0
    config = home.config.read_text("utf-8").replace('"opt-in"', '"opt-out"')
    home.config.write_text(config, "utf-8")
    assert [row["code"] for row in home("consent", "lint", limited, "--json").rows] == ["limit"]


def test_lint_reads_what_import_reads(home: Any) -> None:
    """A CSV row without purpose and a Bundle entry that is no Consent are refusals; a tie is told of both."""
    rows = write(
        home, "rows.csv", "patient_system,patient_id,effect,purposes\nurn:x,1,permit,TREAT\nurn:x,2,permit,\n"
    )
    found = home("consent", "lint", rows, "--json").rows
    assert [(row["row"], row["path"]) for row in found] == [(2, "purposes")]
    entries = [{"resource": one} for one in (consent(id="a"), consent(id="b"), {"resourceType": "Patient"})]
    bundle = write(home, "bundle.json", {"resourceType": "Bundle", "type": "collection", "entry": entries})
    found = home("consent", "lint", bundle, "--json").rows
    assert [(row["row"], row["code"]) for row in found] == [
        (1, "same-key-tie"), (2, "same-key-tie"), (3, "uncomputable"),
    ]  # fmt: skip


@pytest.mark.parametrize("content", ["[]", "{", "{}", "\x00"])
def test_lint_of_what_is_no_file_of_consents(home: Any, content: str) -> None:
    """Exit 2 with the kinds of file that would do."""
    assert home("consent", "lint", write(home, "bad.json", content)).code == 2


def test_lint_stores_nothing(home: Any) -> None:
    """No consent and no leaf."""
    home("consent", "lint", write(home, "clean.json", consent()))
    assert home("audit", "verify", "--json").json["leaves"] == 0


def test_export_gives_the_bytes_that_are_kept(home: Any) -> None:
    """In the Bundle each active consent stands as `show --fhir` gives it; `--all` adds the withdrawn one."""
    grant(home, "--permit", "TREAT", "--id", "c-1")
    grant(home, "--deny", "HRESCH", "--id", "c-2")
    assert home("consent", "withdraw", "c-2", "--reason", "asked").code == 0
    kept = home("consent", "show", "c-1", "--fhir").out.strip()
    assert kept in export(home).out
    assert [one["resource"]["id"] for one in export(home).json["entry"]] == ["c-1"]
    assert [row["id"] for row in export(home, "--format", "jsonl", "--all").rows] == ["c-1", "c-2"]


def test_what_csv_says_import_takes_and_decides_the_same(home: Any) -> None:
    """Exported rows, imported as they are, give consents of the same words, recipients and dates."""
    grant(
        home,
        "--permit",
        "TREAT",
        "--to",
        home.peer,
        "--until",
        "2099-12-31",
        "--data-from",
        "2020",
        "--id",
        "c-1",
    )
    out = home.folder / "out.csv"
    assert export(home, "--format", "csv", "--out", str(out)).code == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    before = home("consent", "show", "c-1", "--json").json
    assert home("consent", "import", str(out), "--reason", "moved").code == 0
    rows = home("consent", "list", "--patient", home.grace, "--json").rows
    (again,) = [row for row in rows if row["id"] != "c-1"]
    assert {name: again[name] for name in ("says", "to", "except", "custodians")} == {
        name: before[name] for name in ("says", "to", "except", "custodians")
    }
    assert again["until"].startswith("2099-12-31T23:59:59.999999")
    assert again["data_from"].startswith("2020-01-01T00:00:00")


def test_what_csv_cannot_say_is_named_and_left_out(home: Any) -> None:
    """An exception has no column: exit 7 and the id, and the row is not there half."""
    grant(home, "--permit", "TREAT", "--except", "label:PSY", "--id", "c-1")
    grant(home, "--permit", "HPAYMT", "--id", "c-2")
    said = export(home, "--format", "csv")
    assert said.code == 7 and "c-1" in said.err
    assert [row["source_key"] for row in csv.DictReader(io.StringIO(said.out))] == ["c-2"]


def test_export_is_logged_and_bad_questions_are_not(home: Any) -> None:
    """A leaf for each export; an unknown format, patient or instant leaves none."""
    grant(home, "--permit", "TREAT")
    leaves = home("audit", "verify", "--json").json["leaves"]
    assert export(home, "--format", "pdf").code == 2
    assert home("consent", "export", "--patient", home.ada).code == 4
    assert export(home, "--as-of", "2099-01-01").code == 2
    assert home("audit", "verify", "--json").json["leaves"] == leaves
    assert "entry" not in export(home, "--as-of", "2020-01-01").json
    assert home("audit", "verify", "--json").json["leaves"] == leaves + 1


def use(home: Any, name: str, *more: str) -> Any:
    return home("consent", "template", "use", name, "--patient", home.grace, "--reason", "form", *more)


def test_templates_are_listed_and_shown(home: Any) -> None:
    """Three, each with its meaning and the provision that it becomes."""
    names = [row["template"] for row in home.carepact("consent", "template", "list", "--json").rows]
    assert names == ["gp-normal", "no-psych", "emergency-only"]
    for name in names:
        assert home.carepact("consent", "template", "show", name, "--json").json["type"] in ("permit", "deny")
    assert home.carepact("consent", "template", "show", "nope").code == 2


def test_a_template_decides_as_it_says(admitted: Any) -> None:
    """gp-normal opens treatment; emergency-only, given after it, leaves the emergency alone."""
    assert (can(admitted, "TREAT"), can(admitted, "ETREAT")) == (3, 3)
    assert use(admitted, "gp-normal").code == 0
    assert (can(admitted, "TREAT"), can(admitted, "ETREAT")) == (0, 0)
    assert use(admitted, "emergency-only").code == 0
    assert (can(admitted, "TREAT"), can(admitted, "ETREAT")) == (3, 0)


def test_no_psych_leaves_mental_health_out(home: Any) -> None:
    """The label and all below it; the rest is permitted."""
    row = use(home, "no-psych", "--json").json
    assert (row["says"], row["except"]) == ("permit TREAT", ["label:MH"])


def test_a_template_is_dry_run_and_refused_like_a_grant(home: Any) -> None:
    """A dry run stores nothing; an unknown template, and a blank reason, are exit 2."""
    assert use(home, "gp-normal", "--dry-run").out.endswith("nothing was stored\n")
    assert use(home, "nope").code == 2
    blank = ("--patient", home.grace, "--reason", " ")
    assert home("consent", "template", "use", "gp-normal", *blank).code == 2
    assert home("audit", "verify", "--json").json["leaves"] == 0
