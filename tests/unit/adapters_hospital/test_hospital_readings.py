"""What is remembered of coded fields changes nothing: not the resources, not the ledger, not the next message."""

import gc

from adapters.hospital import readings
from adapters.hospital.codes import concept_from_cwe
from adapters.hospital.context import Context
from adapters.hospital.message import Message
from adapters.hospital.readings import remembered

HEAD = r"MSH|^~\&|LIS|RXX|EXCH|RXX|20260116090000||ORU^R01^ORU_R01|READ-{}|P|2.5"
LINES = (
    "PID|1||9990001006^^^NHS^NH||REPEATED^Rita||19580704|F",
    "OBR|1||F-1^LIS|G^G^L|||20260116081500||||||||||||||||||F",
    "OBX|1|NM|2823-3^Potassium^LN|1|5.10|mmol/L|3.5-5.3|H|||F",
    "OBX|2|NM|2823-3^Potassium^LN|2|4.10|mmol/L|3.5-5.3|H|||F",
    "OBX|3|NM|17861-6^Calcium^^^^^^^^^^^^2.16.840.1.113883.6.1|1|2.10|mmol/L||N|||F",
    "OBX|4|NM|17861-6^Calcium^X^^^^^^^^^^^2.16.840.1.113883.6.1|2|2.20|mmol/L||N|||F",
    "OBX|5|NM|K^K^L||5|mg^ug^UCUM|||||F",
    "OBX|6|NM|K^K^L||5|mg^ug^UCUM|||||F",
)


def message(number: int = 1, *lines: str) -> tuple[str, ...]:
    return (HEAD.format(number), *(lines or LINES))


def told(batch) -> list[tuple[object, ...]]:
    return [tuple(line) for line in batch.losses.entries]


def test_the_same_message_gives_the_same_ledger_again(checked):
    """Lines that a reading made when it was read first are made each time, and so are its items."""
    first, again = checked(message()), checked(message())
    assert first.resources == again.resources
    assert told(first) == told(again)
    assert [line.reason for line in first.losses.entries].count("conflict") == 2
    assert "OBX[4]-3.3" in {line.position for line in first.losses.entries if line.reason == "superseded"}


def test_nobody_changes_what_another_message_gets(checked):
    """A change in what came of one message is not seen in the next one that has the same fields."""
    before = checked(message())
    for one in before.resources:
        for name in ("code", "valueQuantity", "interpretation"):
            if name in one:
                holder = one[name][0] if isinstance(one[name], list) else one[name]
                holder["text"] = "changed"
                for coding in holder.get("coding", ()):
                    coding["code"] = "changed"
    assert "changed" not in str(checked(message()).resources)


def test_a_local_code_is_of_the_source_that_said_it(normalise):
    """The same text of two sources is read for each: their local code systems are not one."""
    systems = {
        one["code"]["coding"][0]["system"]
        for id in ("adt", "lab")
        for one in normalise(message(), id=id).resources
        if one["resourceType"] == "DiagnosticReport"
    }
    assert systems == {f"urn:carepact:source:st-brides.example:{id}:L" for id in ("adt", "lab")}


def test_other_separators_are_another_text(normalise):
    """Where a caret separates nothing it belongs to the code."""
    usual = normalise(message(1, LINES[0], LINES[1], LINES[2]))
    other = normalise(
        (
            HEAD.format(2).replace("^~", "$~").replace("ORU^R01^ORU_R01", "ORU$R01$ORU_R01"),
            LINES[0].replace("^", "$"),
            LINES[1].replace("^", "$"),
            LINES[2],
        )
    )
    codes = [
        one["code"]["coding"][0]["code"]
        for batch in (usual, other)
        for one in batch.resources
        if one["resourceType"] == "Observation"
    ]
    assert codes == ["2823-3", "2823-3^Potassium^LN"]


def test_no_more_than_so_many_fields_are_remembered(source, monkeypatch):
    """The memory is bounded: a feed whose fields never repeat is read as well as any."""
    monkeypatch.setattr(readings, "MOST", 2)
    seen = []

    @remembered
    def read(context, element):
        seen.append(element.raw)
        return {"code": element.take(1)}

    codes = ("a", "b", "a", "c", "b", "b")
    lines = [HEAD.format(1), *(f"OBX|{n}||{code}" for n, code in enumerate(codes, 1))]
    reader = Message("\r".join(lines).encode())
    context = Context(reader, source, "i")
    assert [read(context, obx.first(3))["code"] for obx in reader.named("OBX")] == list(codes)
    assert seen == ["a", "b", "c", "b"]


def test_a_field_that_was_read_before_is_not_taken_twice(source):
    """What of a field is mapped counts once, however often and by whomever it is read."""
    reader = Message("\r".join(message()).encode())
    context = Context(reader, source, "i")
    obx = next(reader.named("OBX"))
    assert concept_from_cwe(context, obx.first(3)) == concept_from_cwe(context, obx.first(3))
    losses = reader.close()
    assert losses.mapped == 3
    assert losses.balanced


def test_a_message_leaves_nothing_to_the_collector(normalise):
    """When a message is done everything of it is free at once, without a look for circles."""
    normalise(message())
    gc.collect()
    gc.disable()
    try:
        normalise(message())
        assert gc.collect() == 0
    finally:
        gc.enable()
