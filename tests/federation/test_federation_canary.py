"""The canary test: after a tour nothing that names a patient is anywhere in the clear (assurance.md 5).

Searched: every file of the sandbox (database, WAL, keys, state, logs of node and mocks, ready files),
journals with the paths that were asked, and the command lines of the processes. Each word in the forms that
a leak would take. A second test plants one leak in each form and must find it: a scanner that finds nothing
proves nothing.
"""

import base64
import contextlib
import hashlib
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from consent.fhir import excepted_from_text
from gateway.client.errors import ClientError

PATIENT = "patient_with_full_record"
WORDS = ("Citalopram", "PHQ-9", "psychiatric", "depressi", "schizophreni")
"""Words of psychiatry that stand in records of the population."""


def secrets(sandbox):
    """What may never show: numbers, record numbers, family names, streets, phones, words of psychiatry.

    Short family names would be found by chance in random bytes; the population has none below five letters.
    """
    people = [one.person for one in sandbox.population.patients]
    found = {value for p in people for value in (p.nhs_number, p.mrn, p.family, p.street, p.phone)}
    return {value for value in found if len(value) >= 5} | set(WORDS)


def forms(word):
    """The bytes that a leak of this word would leave: plain, folded, escaped, coded, hashed."""
    raw = word.encode("utf-8")
    yield from {raw, raw.lower(), raw.upper(), quote(word, safe="").encode(), json.dumps(word)[1:-1].encode()}
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    yield word.encode("utf-16-le")
    yield " ".join(word).encode()
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + raw)
        # Cut what depends on the neighbours.
        yield coded[(0, 2, 3)[shift] : (shift + len(raw)) * 8 // 6]
    for name in ("sha256", "md5"):
        digest = hashlib.new(name, raw, usedforsecurity=False)
        yield digest.digest()
        yield digest.hexdigest().encode()


def needles(sandbox):
    return {form: word for word in secrets(sandbox) for form in forms(word) if len(form) >= 5}


def hits(places, wanted):
    """(place, word) of everything found. `places`: name to bytes."""
    return [(name, word) for name, data in places.items() for form, word in wanted.items() if form in data]


def places(sandbox):
    """Every byte that the sandbox left where somebody could read it."""
    folder = sandbox.federation.folder
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for name in ("gp", "hospital", "specialist"):
        lines = [
            {k: v for k, v in line.items() if k not in ("patient", "ack")} for line in sandbox.journal(name)
        ]
        found[f"journal of {name}"] = json.dumps(lines).encode()
    for process in sandbox.federation._running.values():
        for what in ("cmdline", "environ"):
            found[f"{what} of {process.pid}"] = Path(f"/proc/{process.pid}/{what}").read_bytes()
    return found


@pytest.fixture(scope="module")
def toured(start):
    """A federation in which everything happened: messages, answers, refusals, faults, a withdrawal, a crash."""
    sandbox = start()
    sandbox.send("*")
    for label in ("patient_with_hostile_text", "patient_with_sealed_psychiatry"):
        sandbox.permit(label)
        sandbox.everything(label)
    consent = sandbox.permit(PATIENT)
    id = sandbox.known_id(PATIENT)
    sandbox.ask(lambda c: c.everything(id, accept_partial=True))
    sandbox.ask(lambda c: c.summary(id, accept_partial=True))
    for fault in ({"kind": "wrong_patient"}, {"kind": "truncate", "bytes": 900}, {"kind": "invalid_json"}):
        for provider in ("gp", "specialist"):
            sandbox.faults(provider, fault)
        # What is refused is refused; here only what is left behind counts.
        with contextlib.suppress(ClientError, IndexError):
            sandbox.everything(PATIENT)
    sandbox.clear()
    only = excepted_from_text("label:PSY")
    sandbox.administer(lambda r: r.consents.withdraw(consent, sandbox.act(), only=only))
    sandbox.federation.kill_node()
    sandbox.run(sandbox.federation.start_node())
    sandbox.everything(PATIENT)
    yield sandbox
    sandbox.federation.stop()


@pytest.mark.promise("P7")
def test_V_1_no_canary_in_clear_anywhere(toured):
    """Names, numbers and words of psychiatry are in no file, log, journal path or command line."""
    found = places(toured)
    assert any(name.endswith("node.db") for name in found), "the scan missed the database"
    assert any(name.endswith("node.db-wal") for name in found), "the scan missed the WAL"
    assert sum(name.endswith(".log") for name in found) == 4
    assert hits(found, needles(toured)) == []


@pytest.mark.promise("P7")
def test_V_1_the_scanner_finds_a_planted_leak_in_each_form(toured):
    """One leak for each form of each kind of secret, in the middle of other bytes: all are found."""
    wanted = needles(toured)
    person = toured.population.find(PATIENT).person
    for word in (person.nhs_number, person.family, "Citalopram"):
        raw = word.encode()
        leaks = [raw, raw.lower(), raw.hex().encode(), word.encode("utf-16-le"), hashlib.sha256(raw).digest()]
        leaks += [base64.b64encode(b"x" * shift + raw + b"tail") for shift in range(3)]
        for n, leak in enumerate(leaks):
            planted = {"a log": b"\x00noise " * 9 + leak + b" more noise"}
            assert ("a log", word) in hits(planted, wanted), (n, "the scanner missed a planted leak")


@pytest.mark.promise("P7")
def test_V_1_what_is_searched_for_really_was_there(toured):
    """The answer itself has the words: the scan looks for things that went through this node."""
    answer = toured.everything("patient_with_sealed_psychiatry")
    text = answer.raw.decode("utf-8")
    person = toured.population.find("patient_with_sealed_psychiatry").person
    assert person.nhs_number in text and person.family in text
    assert any(word.lower() in text.lower() for word in WORDS)


@pytest.mark.promise("P7")
def test_V_7_the_log_is_lines_of_known_keys(toured, lines_of_log):
    """Every line is one JSON object, with keys of the allow-list alone, and errors without a trace."""
    from gateway.logs import ALLOWED

    lines = lines_of_log(toured)
    assert lines
    assert {key for line in lines for key in line} <= ALLOWED
    assert not [line for line in lines if line.get("error") in ("KeyError", "TypeError", "AttributeError")]


@pytest.mark.promise("P7")
def test_V_6_what_the_node_keeps_is_its_owners_alone(toured):
    """Nobody else on the machine can read keys, database, configuration or state."""
    for path in toured.federation.places.configuration.parent.rglob("*"):
        if path.is_file() and path.name != "members.json":
            assert path.stat().st_mode & 0o077 == 0, path.name
    assert toured.federation.folder.stat().st_mode & 0o077 == 0
