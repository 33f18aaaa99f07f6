"""Every message of these tests becomes valid R4, closed, with a ledger that adds up."""

import json

import pytest

from adapters.codec import encode

VARIANTS = (
    "NM|2823-3^Potassium^LN||<0.10|mmol/L",
    "SN|2823-3^Potassium^LN||>^90|mmol/L^^UCUM",
    "SN|x^Titre^L||^1^:^128",
    "SN|x^Range^L||^1^-^3|mg",
    "SN|x^Plus^L||^2^+",
    "TX|x^Report^L||line one~line two",
    "CWE|600-7^Culture^LN||112283007^Escherichia coli^SCT",
    "CE|x^Coded^L||A^Alpha^99LOCAL~B^Beta^99LOCAL",
    "DT|x^Day^L||20260115",
    "TS|x^Moment^L||202601151430",
    "TM|x^Time^L||1430",
    "DR|x^Period^L||20260101^20260102",
    "NR|x^Normal^L||1.0^2.50|g",
    "ED|x^Scan^L||LIS^IM^PNG^Base64^aGVsbG8=",
    "ED|x^Scan^L||LIS^IM^PNG^Base64^!!!",
    "RP|x^Picture^L||https://pacs.example/1^PACS^IM^JPEG",
    "XPN|x^Name^L||Curie^Marie",
    "|x^Untyped^L||word",
    "NM|x^Nothing^L||",
)


@pytest.mark.parametrize(
    "event", ["A01", "A03", "A04", "A05", "A08", "A11", "A13", "A21", "A28", "A31", "A40"]
)
def test_every_adt_event_is_valid_r4(event, checked, admission):
    """Whatever the event, the same segments give valid resources and one Provenance over all of them."""
    lines = [
        line.replace("ADT^A01^ADT_A01", f"ADT^{event}").replace("EVN|A01", f"EVN|{event}")
        for line in admission
    ]
    batch = checked(lines)
    targets = {target["reference"] for target in batch.provenance["target"]}
    assert targets == {f"{one['resourceType']}/{one['id']}" for one in batch.resources}


def test_result_is_valid_r4(checked, result):
    """An ORU gives report, observations, specimen and request that pass the R4 shape."""
    kinds = {one["resourceType"] for one in checked(result).resources}
    assert {"DiagnosticReport", "Observation", "Specimen", "ServiceRequest", "Patient", "Encounter"} <= kinds


@pytest.mark.parametrize("obx", VARIANTS)
def test_every_value_type_is_valid_r4(obx, checked, result):
    """No value type, nor a bad value in it, yields an invalid Observation."""
    kind, rest = obx.split("|", 1)
    checked([*result[:5], f"OBX|1|{kind}|{rest}" + "|" * (6 - rest.count("|")) + "|||F"])


def test_same_input_gives_the_same_bytes(normalise, admission, result):
    """Deterministic: two runs differ in nothing."""
    for lines in (admission, result):
        first, second = normalise(lines), normalise(lines)
        assert encode(list(first.resources)) == encode(list(second.resources))
        assert first.losses == second.losses


@pytest.mark.parametrize("number", range(9))
def test_a_message_cut_anywhere_never_raises(number, normalise, admission, result):
    """Truncated bytes end as a batch with a ledger that adds up, never as an exception."""
    for lines in (admission, result):
        body = "\r".join(lines).encode()
        for end in range(number, len(body), 9):
            assert normalise(body[:end]).losses.balanced


def test_planted_tokens_are_never_lost_silently(normalise, admission, result):
    """A token planted in any leaf is in the output or its position is in the ledger (silent loss: 0)."""
    from adapters.hospital.message import Message

    for lines in (admission, result):
        body = "\r".join(lines).encode()
        reader = Message(body)
        for segment in reader.segments:
            for key in segment.places():
                if segment.name == "MSH" and key[1] in (9, 11, 12, 18):
                    continue
                planted = _planted(lines, key, segment)
                batch = normalise(planted)
                output = json.dumps([json.loads(encode(one)) for one in (*batch.resources, batch.provenance)])
                at = reader.render(key)
                covered = any(at.startswith(entry.position) for entry in batch.losses.entries)
                assert "QZXJ" in output.upper() or covered, at


def _planted(lines, key, segment):
    index, field, rep, comp, sub = key
    fields = lines[index].split("|")
    at = field - 1 if segment.name == "MSH" else field
    reps = fields[at].split("~")
    comps = reps[rep - 1].split("^")
    subs = comps[comp - 1].split("&")
    subs[sub - 1] = "QZXJ"
    comps[comp - 1] = "&".join(subs)
    reps[rep - 1] = "^".join(comps)
    fields[at] = "~".join(reps)
    return [*lines[:index], "|".join(fields), *lines[index + 1 :]]
