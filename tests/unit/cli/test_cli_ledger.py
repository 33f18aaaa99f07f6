"""`carepact audit`, `db`, `keys` and `doctor`: what is checked, what is found, and how it ends."""

import json
import sqlite3
from typing import Any

import pytest


def consent(home: Any, id: str = "c-1") -> None:
    options = ("--patient", home.grace, "--permit", "TREAT", "--id", id, "--reason", "signed form")
    assert home("consent", "grant", *options).code == 0


def tamper(home: Any, statement: str) -> None:
    """Change the database behind the node's back."""
    with sqlite3.connect(home.folder / "state" / "node.db") as connection:
        connection.execute(statement)
    connection.close()


def test_a_ledger_that_holds_says_what_was_checked(home: Any) -> None:
    """Exit 0, with how much was recomputed."""
    consent(home)
    plain = home("audit", "verify")
    assert plain.code == 0
    assert plain.out.endswith("the ledger holds\n")
    assert home("audit", "verify", "--json").json["leaves"] == 1


@pytest.mark.parametrize(
    ("statement", "entry", "what"),
    [
        ("UPDATE ledger_leaf SET kind = 'report' WHERE idx = 1", 1, "columns"),
        ("UPDATE ledger_detail SET sealed = zeroblob(64) WHERE idx = 0", 0, "detail"),
        ("DELETE FROM ledger_leaf WHERE idx = 2", 2, "missing"),
        ("UPDATE patient_chain SET n = 7", 3, "chain"),
    ],
)
def test_the_first_bad_entry_is_named(home: Any, statement: str, entry: int, what: str) -> None:
    """Whoever changes a row behind the node's back is found, at the first entry, with exit 5."""
    for id in ("c-1", "c-2", "c-3"):
        consent(home, id)
    tamper(home, statement)
    said = home("audit", "verify", "--json")
    assert said.code == 5
    assert said.json["first_bad"] == {"entry": entry, "what": what}
    assert f"FIRST BAD ENTRY  {entry}" in home("audit", "verify").out


def test_a_check_since_a_time_says_what_it_trusted(home: Any) -> None:
    """Without a checkpoint from before everything is checked; with one the trusted leaves are counted aloud."""
    for id in ("c-1", "c-2"):
        consent(home, id)
    whole = home("audit", "verify", "--since", "30d")
    assert whole.code == 0 and "trusted" not in whole.out

    async def sign(node: Any) -> bytes:
        from gateway.exchange.checkpoint import signed_checkpoint

        return await signed_checkpoint(node.node)

    assert home.inside(sign)
    consent(home, "c-3")
    tamper(home, "UPDATE ledger_checkpoint SET at = 1000000000")
    later = home("audit", "verify", "--since", "2099-01-01", "--json")
    assert later.code == 0 and (later.json["trusted"], later.json["leaves"]) == (2, 1)
    told = home("audit", "verify", "--since", "2099-01-01").out
    assert "2 leaves before them" in told and "not looked at" in told and told.endswith("the ledger holds\n")
    tamper(home, "UPDATE ledger_detail SET sealed = zeroblob(64) WHERE idx IN (0, 2)")
    found = home("audit", "verify", "--since", "2099-01-01", "--json")
    assert (found.code, found.json["first_bad"]) == (5, {"entry": 2, "what": "detail"})
    assert home("audit", "verify", "--json").json["first_bad"] == {"entry": 0, "what": "detail"}
    assert home("audit", "verify", "--since", "soon").code == 2


def test_nothing_is_written_on_a_broken_ledger(home: Any) -> None:
    """A change that would go on top of a head that contradicts itself is refused, and says what to run."""
    consent(home)
    tamper(home, "UPDATE ledger_head SET frontier = zeroblob(31)")
    refused = home("consent", "withdraw", "c-1", "--reason", "by phone")
    assert refused.code == 5
    assert "audit verify" in refused.err
    assert home("consent", "show", "c-1", "--json").json["version"] == 1
    assert home("audit", "verify").code == 5


def test_a_consent_that_does_not_open_is_not_guessed_at(home: Any) -> None:
    """A stored consent that was altered ends with exit 6, never as if there were none."""
    consent(home)
    tamper(home, "UPDATE consent_version SET document = zeroblob(99)")
    assert home("consent", "show", "c-1").code == 6
    assert home("consent", "list", "--patient", home.grace).code == 6


def test_a_forged_checkpoint_is_a_bad_signature(home: Any) -> None:
    """A checkpoint that no log key of this node signed ends with exit 6."""
    consent(home)

    async def sign(node: Any) -> bytes:
        from gateway.exchange.checkpoint import signed_checkpoint

        return await signed_checkpoint(node.node)

    assert home.inside(sign)
    assert home("audit", "verify", "--json").json["checkpoints"] == 1
    text = "CAST(note AS TEXT)"  # the characters before the end are of the signature, whatever it is
    forged = f"substr({text}, 1, length({text}) - 12) || 'AAAAAA' || substr({text}, -6)"
    tamper(home, f"UPDATE ledger_checkpoint SET note = CAST({forged} AS BLOB)")
    assert home("audit", "verify").code == 6


def test_reading_the_access_report_is_itself_in_it(home: Any) -> None:
    """The second reading shows the first, with who read it."""
    consent(home)
    first = home("audit", "accessed", "--patient", home.grace, "--json").rows
    second = home("audit", "accessed", "--patient", home.grace, "--json").rows
    assert [row["kind"] for row in first] == ["consent"]
    assert [row["kind"] for row in second] == ["consent", "report"]
    assert second[1]["who"]
    assert "9990000018" not in json.dumps(second)


def test_the_access_report_of_nobody_is_not_available(home: Any) -> None:
    """An identifier that nobody has ends with exit 4, and nothing is logged about it."""
    assert home("audit", "accessed", "--patient", home.ada).code == 4
    assert home("audit", "accessed", "--patient", "nobody|1|2").code in (2, 4)
    assert home("audit", "verify", "--json").json["leaves"] == 0


def test_an_altered_detail_is_not_left_out_of_the_report(home: Any) -> None:
    """A leaf that does not open stops the report with exit 6 instead of shortening it."""
    consent(home)
    tamper(home, "UPDATE ledger_detail SET sealed = zeroblob(64)")
    said = home("audit", "accessed", "--patient", home.grace)
    assert said.code == 6
    assert "audit verify" in said.err


def test_a_bad_date_names_the_option(home: Any) -> None:
    """Spans and dates are the two forms of `--since`."""
    consent(home)
    assert home("audit", "accessed", "--patient", home.grace, "--since", "soon").code == 2
    later = home("audit", "accessed", "--patient", home.grace, "--since", "2099-01-01", "--json")
    assert (later.code, later.out) == (0, "")
    assert home("exchange", "list", "--since", "30d").code == 0


def test_keys_are_listed_and_published_as_jwks(home: Any) -> None:
    """Every key with its state; the JWK Set holds public members alone."""
    rows = home("keys", "list", "--json").rows
    assert {row["state"] for row in rows} == {"active"}
    assert all(row["published"] for row in rows)
    found = home("keys", "jwks").json["keys"]
    assert {key["kid"] for key in found} == {row["kid"] for row in rows if row["use"] == "sig"}
    assert not any("d" in key or "priv" in key for key in found)


def test_a_new_key_is_published_before_anything_is_signed_with_it(home: Any) -> None:
    """After `keys create` the members file has the key under a higher version, and signing still verifies."""
    made = home("keys", "create", "--use", "sig", "--reason", "yearly change", "--json")
    assert made.code == 0, made.err
    assert [row["alg"] for row in made.rows] == ["Ed25519", "ML-DSA-65"]
    assert json.loads((home.folder / "members.json").read_bytes())["version"] == 2
    home("agreement", "new", "D1", "--provider", home.me, "--recipient", home.peer, "--reason", "x")
    assert home("agreement", "sign", "D1", "--reason", "board").code == 0
    assert home("keys", "create", "--use", "log", "--reason", "x").code == 0
    assert home("doctor").code == 0
    assert home("audit", "verify", "--json").json["leaves"] == 4


def test_no_key_is_made_that_cannot_be_published(home: Any) -> None:
    """A node that is not in its members file makes no key that nobody would believe."""
    members = json.loads((home.folder / "members.json").read_bytes())
    members["members"] = [one for one in members["members"] if one["id"] != home.me]
    (home.folder / "members.json").write_text(json.dumps(members), "utf-8")
    before = len(home("keys", "list", "--json").rows)
    assert home("keys", "create", "--use", "sig", "--reason", "x").code == 8
    assert len(home("keys", "list", "--json").rows) == before


def test_the_schema_is_looked_at_without_making_a_database(home: Any) -> None:
    """`db check` of a node without a database refuses and makes none; after `db upgrade` it is ready."""
    assert home("db", "check").code == 9
    assert not (home.folder / "state" / "node.db").exists()
    assert home("db", "upgrade").code == 0
    assert home("db", "check", "--json").json["ready"] is True
    assert "already" in home("db", "upgrade").out


def test_the_doctor_finds_nothing_wrong_with_a_good_node(home: Any) -> None:
    """Warnings name the next step and do not fail."""
    home("db", "upgrade")
    said = home("doctor", "--json")
    assert said.code == 0, said.out
    states = {row["check"]: row["state"] for row in said.rows}
    assert states["law"] == "warning"
    assert states["ledger"] == "ok"
    assert "carepact agreement new" in home("doctor").out


def test_the_doctor_names_what_is_wrong(home: Any) -> None:
    """Expired members, a missing KEK, no database, a source that is down: exit 10, each with its next step."""
    assert home("doctor").code == 10  # no database yet
    home("db", "upgrade")
    good = (home.folder / "members.json").read_bytes()
    document = json.loads(good)
    (home.folder / "members.json").write_text(json.dumps(document | {"expires": 1}), "utf-8")
    said = home("doctor", "--json")
    assert said.code == 10
    assert next(row for row in said.rows if row["check"] == "members")["state"] == "failed"
    (home.folder / "members.json").write_bytes(good)
    (home.folder / "state" / "kek").rename(home.folder / "kek.away")
    assert next(row for row in home("doctor", "--json").rows if row["check"] == "keys")["state"] == "failed"
    (home.folder / "kek.away").rename(home.folder / "state" / "kek")
    assert home("doctor").code == 0


def test_the_doctor_asks_whether_a_source_answers(home: Any) -> None:
    """A pull source that accepts no connection is named with its address."""
    home("db", "upgrade")
    config = home.config.read_text("utf-8")
    more = '\n[[sources]]\nid = "gp"\nkind = "gp"\ncustodian = "north.example"\nurl = "http://127.0.0.1:9"\n'
    home.config.write_text(config + more, "utf-8")
    said = home("doctor", "--json")
    assert said.code == 10
    assert "127.0.0.1:9" in next(row for row in said.rows if row["check"] == "source gp")["said"]


def test_the_doctor_never_makes_a_node(home: Any, tmp_path: Any) -> None:
    """Looking at a configuration without a state folder leaves nothing behind."""
    text = home.config.read_text("utf-8").replace('state = "state"', 'state = "elsewhere"')
    other = home.folder / "other.toml"
    other.write_text(text, "utf-8")
    said = home.carepact("doctor", "--config", str(other))
    assert said.code == 10
    assert not (home.folder / "elsewhere").exists()
    broken = home.folder / "broken.toml"
    broken.write_text("[node\n", "utf-8")
    assert home.carepact("doctor", "--config", str(broken)).code == 10
    assert home.carepact("doctor", "--config", str(home.folder / "none.toml")).code == 9
