"""`carepact patient match`: who else might be this patient, told without a value of anybody."""

import json

GRACE = "https://fhir.nhs.uk/Id/nhs-number|9990000018"
UNNUMBERED = (
    r"MSH|^~\&|PAS|RXX|EXCH|RXX|20260116143000||ADT^A28^ADT_A05|ADM-2|P|2.5",
    "EVN|A28|20260116142900",
    "PID|1||4712^^^RXX^MR||PATIENCE^Grace||19580704|F",
)


def fed(home, lines):
    async def feed(node):
        bound = node.node.sources[0]
        body = "\r".join(lines).encode() + b"\r"
        return await node.node.intake.receive_message(body, bound.source, bound.normaliser, node.clock())

    assert b"MSA|AA" in home.inside(feed)


def test_a_second_record_of_the_same_name_and_day_is_shown(admitted):
    """Graded probable with its reason and fields, as a table and as JSON; and nothing is linked by it."""
    fed(admitted, UNNUMBERED)
    found = admitted("patient", "match", "--patient", GRACE, "--json")
    assert found.code == 0
    (row,) = [json.loads(line) for line in found.out.splitlines()]
    assert (row["grade"], row["why"], row["source"]) == ("probable", "score", "adt")
    assert row["agrees"] == ["family", "given", "birthDate", "gender"] and row["differs"] == []
    assert row["person"] != row["candidate"] and row["score"] > 26
    again = admitted("patient", "match", "--patient", GRACE)
    assert again.code == 0 and row["candidate"] in again.out
    assert not any(word in found.out + again.out for word in ("PATIENCE", "Grace", "1958", "9990000018"))


def test_nobody_like_her_is_an_answer(admitted):
    """An empty result says so, and is no failure."""
    found = admitted("patient", "match", "--patient", GRACE)
    assert found.code == 0 and "nobody else" in found.out


def test_an_unknown_identifier_is_not_found(admitted):
    """Nobody here has it: the exit code of what is not there, in one line."""
    found = admitted("patient", "match", "--patient", GRACE.replace("9990000018", "9990000026"))
    assert found.code != 0 and "nobody here has this identifier" in found.err
    assert "9990000026" not in found.err
