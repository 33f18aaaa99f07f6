"""`carepact consent import`: CSV and Bundles, all or nothing or row by row, the same again changes nothing."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from consent.rows import COLUMNS

NHS = "https://fhir.nhs.uk/Id/nhs-number"


def row(number: str = "9990000018", **more: str) -> dict[str, str]:
    return {
        "patient_system": NHS,
        "patient_id": number,
        "effect": "permit",
        "purposes": "TREAT",
        "source_key": "k1",
    } | more


@pytest.fixture
def file(home: Any) -> Callable[..., str]:
    """A CSV of these rows."""

    def write(*rows: dict[str, str], columns: list[str] = COLUMNS) -> str:
        out = io.StringIO()
        written = csv.DictWriter(out, columns, extrasaction="ignore", restval="")
        written.writeheader()
        written.writerows(rows)
        (home.folder / "forms.csv").write_text(out.getvalue(), "utf-8")
        return str(home.folder / "forms.csv")

    return write


def load(home: Any, path: str, *more: str) -> Any:
    return home("consent", "import", path, "--reason", "paper forms", *more)


def outcomes(said: Any) -> list[str]:
    return [one["outcome"] for one in said.rows]


def test_rows_are_created_once_and_superseded_when_they_change(home: Any, file: Callable[..., str]) -> None:
    """The same file again changes nothing, not even the ledger; a changed row is a new version."""
    rows = [
        row(),
        row("9990000026", source_key="k2", effect="deny", purposes="HRESCH;HMARKT", recipients=home.peer),
    ]
    first = load(home, file(*rows), "--json")
    assert (first.code, outcomes(first)) == (0, ["created", "created"])
    leaves = home("audit", "verify", "--json").json["leaves"]
    assert outcomes(load(home, file(*rows), "--json")) == ["unchanged", "unchanged"]
    assert home("audit", "verify", "--json").json["leaves"] == leaves
    rows[0] |= {"labels": "PSY;R"}
    assert outcomes(load(home, file(*rows), "--json")) == ["superseded", "unchanged"]
    listed = home("consent", "list", "--patient", home.grace, "--all", "--json").rows
    assert [(one["version"], one["says"]) for one in listed] == [
        (1, "permit TREAT"),
        (2, "permit TREAT label:PSY label:R"),
    ]
    shown = json.loads(home("consent", "show", first.rows[1]["id"], "--fhir").out)
    assert shown["provision"]["actor"][0]["reference"] == {"reference": f"Organization/{home.peer}"}


def test_one_bad_row_stops_all_unless_told_to_skip(home: Any, file: Callable[..., str]) -> None:
    """All or nothing names the row and writes none; skipping writes the others; the report says each."""
    rows = [row(), row(source_key="k2", purposes="LUNCH"), row("9990000026", source_key="k3")]
    stopped = load(home, file(*rows), "--json")
    assert (stopped.code, outcomes(stopped)) == (2, ["not-written", "rejected", "not-written"])
    assert home("audit", "verify", "--json").json["leaves"] == 0
    report = home.folder / "out.jsonl"
    skipped = load(home, file(*rows), "--on-error", "skip", "--report", str(report))
    assert skipped.code == 7
    assert "3 rows: 2 created, 1 rejected" in skipped.out
    told = [json.loads(line) for line in report.read_text("utf-8").splitlines()]
    assert [one["outcome"] for one in told] == ["created", "rejected", "created"]
    assert told[1]["path"] == "purpose"
    assert all(one["would_flip"] == 0 for one in told)


@pytest.mark.parametrize("wrong", [
    {"effect": "perhaps"}, {"purposes": ""}, {"labels": "ODD"}, {"data_from": "soon"}, {"valid_to": "2026-13"},
    {"data_from": "2026", "data_to": "2025"}, {"recipients": "nobody.example"}, {"patient_id": ""},
    {"supersedes": "k-none"}, {"classes": "Observation", "performer": "Nobody"},
])  # fmt: skip
def test_a_row_that_says_nothing_certain_is_rejected(
    home: Any, file: Callable[..., str], wrong: dict[str, str]
) -> None:
    """Unknown words, dates that are none or cross, somebody unknown, nobody at all: nothing is stored half."""
    said = load(home, file(row(**wrong)), "--json")
    assert (said.code, outcomes(said)) == (2, ["rejected"])
    assert home("audit", "verify", "--json").json["leaves"] == 0


def test_a_row_takes_the_place_of_another(home: Any, file: Callable[..., str]) -> None:
    """`supersedes` withdraws what it names, of the same patient only; a key belongs to one patient."""
    load(home, file(row()))
    other = load(home, file(row("9990000026", source_key="k2", supersedes="k1")), "--json")
    assert (outcomes(other), other.rows[0]["path"]) == (["rejected"], "supersedes")
    assert outcomes(load(home, file(row("9990000026")), "--json")) == ["rejected"]
    assert outcomes(load(home, file(row(source_key="k2", effect="deny", supersedes="k1")), "--json")) == [
        "superseded"
    ]
    active = home("consent", "list", "--patient", home.grace, "--json").rows
    assert [one["says"] for one in active] == ["deny TREAT"]


def test_local_days_are_stored_as_full_instants(home: Any, file: Callable[..., str]) -> None:
    """A day of the node's zone, begin and end; months and years whole; an instant stays as it is."""
    with home.config.open("a", encoding="utf-8") as config:
        config.write("")
    text = home.config.read_text("utf-8").replace("[node]\n", '[node]\ncivil_timezone = "Europe/London"\n')
    home.config.write_text(text, "utf-8")
    rows = [row(data_from="2025-07-01", data_to="2025-07", valid_from="2024", valid_to="2099-12-31"),
            row("9990000026", source_key="k2", valid_to="2099-01-01T10:00:00Z", data_to="2025")]  # fmt: skip
    done = load(home, file(*rows), "--json").rows
    one, two = (json.loads(home("consent", "show", each["id"], "--fhir").out)["provision"] for each in done)
    assert one["dataPeriod"] == {
        "start": "2025-07-01T00:00:00+01:00",
        "end": "2025-07-31T23:59:59.999999+01:00",
    }
    assert one["period"] == {"start": "2024-01-01T00:00:00+00:00", "end": "2099-12-31T23:59:59.999999+00:00"}
    assert two["period"] == {"end": "2099-01-01T10:00:00Z"}
    assert two["dataPeriod"] == {"end": "2025-12-31T23:59:59.999999+00:00"}


def test_a_dry_run_and_a_file_of_another_kind_store_nothing(home: Any, file: Callable[..., str]) -> None:
    """Everything is checked and told; unknown and repeated columns, broken quoting, no text are refused."""
    assert "dry run" in load(home, file(row()), "--dry-run").out
    assert outcomes(load(home, file(row()), "--dry-run", "--on-error", "skip", "--json")) == ["created"]
    path = home.folder / "odd"
    for content in (
        b"mood\n",
        b"effect,effect\n",
        b'effect\n"x',
        b"\xff\xfe\x00",
        b'{"resourceType":"Patient"}',
        b"{",
    ):
        path.write_bytes(content)
        assert load(home, str(path)).code == 2
    assert load(home, file(row()), "--on-error", "shrug").code == 2
    assert home("audit", "verify", "--json").json["leaves"] == 0


def bundle(*consents: Any) -> bytes:
    texts = (one if isinstance(one, str) else json.dumps(one) for one in consents)
    entries = ",".join('{"resource":' + text + "}" for text in texts)
    return b'{"resourceType":"Bundle","type":"collection","entry":[' + entries.encode() + b"]}"


def consent(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Consent", "id": "paper-1", "status": "active", "dateTime": "2025-05-01",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "patient": {"identifier": {"system": NHS, "value": "9990000018"}}, "provision": {"type": "permit"},
    } | more  # fmt: skip


def test_a_bundle_of_consents_is_kept_byte_for_byte(home: Any) -> None:
    """Spacing, order of members and numbers as they came; what is no Consent or names nobody is rejected."""
    text = json.dumps(consent(), indent=3).replace('"2025-05-01"', '"2025-05-01" ')
    (home.folder / "b.json").write_bytes(bundle(text, {"resourceType": "Basic"}, consent(id="x", patient={})))
    said = load(home, str(home.folder / "b.json"), "--on-error", "skip", "--json")
    assert outcomes(said) == ["created", "rejected", "rejected"]
    assert home("consent", "show", said.rows[0]["id"], "--fhir").out == text + "\n"
    again = load(home, str(home.folder / "b.json"), "--on-error", "skip", "--json")
    assert outcomes(again) == ["unchanged", "rejected", "rejected"]


def test_what_cannot_be_computed_is_refused_or_put_in_quarantine(home: Any) -> None:
    """Loudly, with the element's path; in quarantine it is stored, and denies."""
    odd = consent(provision={"type": "permit", "mood": "good"})
    (home.folder / "b.json").write_bytes(bundle(odd))
    said = load(home, str(home.folder / "b.json"), "--json")
    assert (said.code, said.rows[0]["path"]) == (2, "Consent.provision.mood")
    kept = load(home, str(home.folder / "b.json"), "--quarantine", "--json")
    assert outcomes(kept) == ["created"]
    assert home("consent", "show", kept.rows[0]["id"], "--json").json["status"] == "uncomputable"


def test_the_report_says_how_many_past_decisions_would_flip(
    admitted: Any, ask: Callable[[str], None], file: Callable[..., str]
) -> None:
    """A permit for what was refused yesterday: every record of that exchange."""
    ask("ex-one")
    refused = len(admitted("consent", "explain", "ex-one", "--json").rows)
    report = admitted.folder / "out.jsonl"
    assert load(admitted, file(row()), "--report", str(report), "--dry-run").code == 0
    assert json.loads(report.read_text("utf-8"))["would_flip"] == refused > 0
