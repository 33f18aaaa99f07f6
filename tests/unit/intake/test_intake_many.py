"""A file of many messages is converted piece by piece: the outcome is that of the whole, the memory is not."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from adapters.codec import decode_own, encode
from adapters.interface import Original, Source
from adapters.registry import normaliser
from gateway.fhir.order import ordered
from gateway.intake.single import DEMO_ID_KEY, Options, normalise_input
from gateway.intake.spool import DiskSpool

AT = datetime(2026, 6, 1, tzinfo=UTC)


def header(control, kind="ORU^R01^ORU_R01", when="20260601103000+0000"):
    return rf"MSH|^~\&|LAB|RXX|GW|RYY|{when}||{kind}|{control}|P|2.5"


def result(n, patient, order=None, status="F"):
    """One potassium of a patient of this hospital."""
    order = n if order is None else order
    return "\r".join(
        (
            header(f"R{n}", when=f"202606{1 + n % 20:02d}103000+0000"),
            f"PID|1||M{patient}^^^SYNTH_HOSP^MR||Result-With^Ada||19700102|F",
            f"ORC|RE|P{order}^LAB|F{order}^LAB||CM",
            f"OBR|1|P{order}^LAB|F{order}^LAB|24320-4^Electrolytes^LN|||20260601080000+0000"
            f"|||||||||||||||20260601093000+0000||LAB|{status}",
            f"OBX|1|NM|2823-3^Potassium^LN|1|{3 + n % 3}.10|mmol/L^^UCUM|3.5-5.3|N|||{status}",
        )
    )


def merge(n, old, new):
    """Record `old` of this hospital is replaced by `new`."""
    return "\r".join(
        (
            header(f"M{n}", "ADT^A40^ADT_A39", "20260625103000+0000"),
            "EVN||20260625103000+0000",
            f"PID|1||M{new}^^^SYNTH_HOSP^MR||Result-With^Ada||19700102|F",
            f"MRG|M{old}^^^SYNTH_HOSP^MR",
        )
    )


def everything():
    """Out of order, repeated, amended, merged in a circle, parked, without a patient, and lines outside."""
    messages = [result(n, n % 7) for n in reversed(range(40))]
    messages += [result(n, n % 7, order=n - 40, status="C") for n in range(40, 60)]
    messages += [result(n, 5, order=n - 60) for n in range(60, 66)]
    messages += [result(3, 3), merge(1, 1, 2), merge(2, 2, 1), result(70, 1)]
    messages += [
        header("E1") + "\rOBX|1|NM|2823-3^Potassium^LN||5.10",
        "MSH|^~\\&|LAB",
        "MSH|^~\\&|||||||ZZZ^Z99|Z",
    ]
    lines = ["no header", r"FHS|^~\&|LAB", r"BHS|^~\&|LAB", *messages, "BTS|3", "FTS|1"]
    return "\r".join(lines).encode()


def whole(body):
    """What the normaliser makes of the body at once: resources as the bundle has them, and the lines."""
    source = Source("cli", "hospital", "local", DEMO_ID_KEY, test_messages="accept")
    batch = normaliser("hospital").normalise(Original(body, "application/hl7-v2", intake="one"), source, AT)
    turn = {"Patient": 0, "Provenance": 2}
    made = [*batch.resources, *([batch.provenance] if batch.provenance else [])]
    return sorted(made, key=lambda one: turn.get(one["resourceType"], 1)), batch.losses


def nameless(resource):
    """A resource as JSON without the id of its intake: a message of a file has one of its own."""
    text = encode(ordered(resource)).decode()
    return json.loads(re.sub(r'(#|"urn:carepact:intake","value":")(one|[a-z2-7]{26})"', r'\1"', text))


@pytest.mark.parametrize("threshold", [0, 10**9])
def test_piece_by_piece_is_what_the_whole_is(threshold):
    """Same resources in the same order, same sums, same lines; on disk as in memory."""
    body = everything()
    resources, losses = whole(body)
    with DiskSpool(os.urandom, threshold=threshold) as spool:
        made = normalise_input(body, "many.hl7", Options(at=AT), spool)
        entries = decode_own(made.bundle)["entry"]
        ledger = made.losses
    assert [nameless(one["resource"]) for one in entries] == [nameless(one) for one in resources]
    assert made.resources == {
        kind: sum(one["resourceType"] == kind for one in resources) for kind in made.resources
    }
    assert (made.counts["total"], made.counts["mapped"]) == (losses.total, losses.mapped)
    assert (made.counts["kept"], made.counts["lost"], made.status) == (losses.kept, losses.lost, "partial")
    told = [
        (one["unit"], one["position"], one["reason"], one["items"], one["resource"])
        for one in ledger["entries"]
    ]
    assert [row[0] for row in told] == sorted(row[0] for row in told)
    said = [(one.unit, one.position, one.reason, one.items, one.resource) for one in losses.entries]
    assert sorted(told, key=repr) == sorted(said, key=repr)
    assert {"duplicate", "wrong-patient", "merge-cycle", "no-patient", "unreadable"} <= {
        row[2] for row in told
    }


def test_each_message_of_a_file_is_an_intake_of_its_own():
    """What a resource names as its source is the id that the message has as a file; the ledger lists them."""
    first, second = result(1, 1), result(2, 2)
    alone = [normalise_input(one.encode(), "one.hl7", Options(at=AT)) for one in (first, second)]
    both = normalise_input(f"{first}\r{second}\r{first}".encode(), "both.hl7", Options(at=AT))
    ids = [one.losses["input"]["intakes"][0] for one in alone]
    assert both.losses["input"]["intakes"] == ids and ids[0] != ids[1]
    named = [
        one["resource"]["meta"]["source"]
        for one in json.loads(both.bundle)["entry"]
        if "meta" in one["resource"]
    ]
    assert {source.rpartition("#")[2] for source in named} == set(ids)
    own = json.loads(both.bundle)["identifier"]["value"]
    assert own not in ids


PEAK = """
import sys
from pathlib import Path
from gateway.cli.normalise import _run
from gateway.cli.normalise_options import options_from_text
from gateway.cli.normalise_output import Output

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

at, base = "2026-06-01T00:00:00Z", "https://node.invalid/fhir"
options = options_from_text("hl7v2", None, "cli", "local", None, None, at, base)
output = Output(Path(sys.argv[1]) / "out", True)
_run([Path(sys.argv[1]) / "one.hl7"], options, output)
before = peak()
_run([Path(sys.argv[1]) / "many.hl7"], options, output)
print(peak() - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the peak is read from Linux's /proc")
def test_a_batch_takes_twelve_times_its_bytes_and_twenty_megabytes_at_most(tmp_path):
    """In a process of its own, beyond what one message takes; held whole, these need several times that."""
    many = "\r".join(result(n, n % 211) for n in range(2500)).encode()
    (tmp_path / "one.hl7").write_text(result(1, 1))
    (tmp_path / "many.hl7").write_bytes(many)
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path)], capture_output=True, text=True, check=True
    )
    *lines, grown = done.stdout.splitlines()
    assert json.loads(lines[-1])["resources"]["Observation"] == 2500
    assert len((tmp_path / "out" / "many.bundle.json").read_bytes()) > 8 * len(many)
    assert int(grown) <= 12 * len(many) + 20_000_000
