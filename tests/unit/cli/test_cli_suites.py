"""Suite 1 by the operator's settings: `keys.suites`, `directory init --suites`, the members file."""

import json
import os
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.bootstrap import open_node
from gateway.config import load
from keys.algorithms import CLASSICAL_KEM, KEM
from keys.envelope.binding import ExpectRequest, Opening
from keys.envelope.draft import Claims, draft
from keys.envelope.open import open_envelope
from keys.envelope.recipient import (
    choose_suite,
    kem_keys_from_store,
    make_reply_key,
    recipient_from_trust,
)
from keys.envelope.seal import finish, signers_for_suite
from keys.errors import UnknownKey
from keys.store.memory import MemoryReplay
from keys.syntax import parse
from keys.trust import trust_list_from_json

WHY = ("--reason", "met on 12 May")
ALL = "suites = [3, 2, 1]\nmin_suite = 1"
ONLY = "suites = [1]\nmin_suite = 1"
MODERN = "suites = [3, 2]"


def with_keys(home: Any, section: str) -> None:
    """The node's configuration with these lines under `[keys]`."""
    home.config.write_text(f"{home.config.read_text()}\n[keys]\n{section}\n")


def started(home: Any) -> Any:
    """Open the node as `carepact serve` does, and close it; its members list after that."""
    import asyncio

    async def opened() -> Any:
        async with open_node(load(home.config), found=True) as node:
            return node.node.directory().trust

    return asyncio.run(opened())


@dataclass
class Two:
    """A federation of two nodes, each by its own settings."""

    north: Any
    south: Any

    def agreed(self) -> int | None:
        """The suite in which north would ask south, by north's list; None: nothing in common."""

        async def chosen(node: Any) -> int | None:
            try:
                return choose_suite(node.node.directory().trust, self.north.me, self.south.me)
            except UnknownKey:
                return None

        assert self.north("directory", "refresh").code == 0
        return self.north.inside(chosen)


@pytest.fixture
def two(home, south, configured, join):
    """`two(federation, north, south)`: founded with those suites, and joined by those settings."""

    def found(federation: str, mine: str, theirs: str) -> Two:
        with_keys(home, mine)
        with_keys(south, theirs)
        words = ("--name", "North", "--kind", "gp", "--suites", federation)
        said = home("directory", "init", "test.federation", *words, *WHY, "--json")
        assert said.code == 0, said.err
        configured(home, said.json)
        join(south, home)
        return Two(home, south)

    return found


@pytest.mark.parametrize(
    ("federation", "mine", "theirs", "agreed"),
    [
        ("3,2,1", ALL, ONLY, 1),
        ("3,2,1", ONLY, ALL, 1),
        ("3,2,1", MODERN, ONLY, None),
        ("3,2,1", ALL, ALL, 3),
        ("3,2", ALL, ALL, 3),
    ],
)
def test_two_nodes_agree_on_suite_1_only_if_all_three_list_it(two, federation, mine, theirs, agreed):
    """It is taken where nothing better is common, and never where one of the two members has it off."""
    assert two(federation, mine, theirs).agreed() == agreed


def test_what_was_agreed_is_sealed_and_opened(two):
    """A request in suite 1 goes from one node's own keys to the other's: `join` and `init` made them."""
    pair = two("3,2,1", ALL, ONLY)
    assert pair.north("directory", "refresh").code == 0

    async def sealed(node: Any) -> bytes:
        trust, at = node.node.directory().trust, int(node.clock().timestamp())
        reply = make_reply_key(os.urandom, now=at, exp=at + 300, suite=1)
        to = recipient_from_trust(trust, pair.south.me, at=at, suite=1)
        claims = Claims("request", pair.north.me, "application/vnd.carepact.request+json", at + 300,
                        pou="TREAT", agr="gp-hospital@3", rkey=reply.jwk)  # fmt: skip
        made = draft(claims, b"{}", [to], suite=1, now=at, entropy=os.urandom)
        return finish(made, signers_for_suite(node.keys, 1, at=at)).envelope

    async def opened(node: Any) -> Any:
        trust, at = node.node.directory().trust, int(node.clock().timestamp())
        keys = kem_keys_from_store(node.keys, now=at)
        expect = ExpectRequest()
        return open_envelope(envelope, Opening(node.node.member, trust, keys, expect, MemoryReplay(), at))

    envelope = pair.north.inside(sealed)
    found = pair.south.inside(opened)
    assert (found.content, found.suite) == (b"{}", 1)


def test_a_federation_without_suite_1_admits_nobody_who_has_nothing_else(home, south, configured, pin_of):
    """Its rules stand above a member's settings: the join file is refused, and nobody is admitted."""
    with_keys(south, ONLY)
    said = home("directory", "init", "test.federation", "--name", "N", "--kind", "gp", *WHY, "--json")
    configured(home, said.json)
    file, mirror = south.folder / "join.json", str(home.folder / "state" / "federation" / "repository")
    pinned = ("--root-sha256", pin_of(home), "--out", str(file))
    told = south("directory", "join", mirror, *pinned, *WHY, "--json")
    assert told.code == 0, told.err
    words = ("--kind", "gp", "--name", "S", "--fingerprint", told.json["fingerprint"])
    refused = home("directory", "admit", str(file), *words, *WHY)
    assert refused.code in (2, 5) and "suites" in refused.err
    assert home("directory", "status", "--json").json["members"] == [home.me]


@pytest.mark.parametrize("text", ["", "4", "3,3", "3,2,", "one", "3;2", "03"])
def test_suites_of_a_federation_are_of_the_closed_table(home, text):
    """Anything but known numbers, each once, is refused before a federation is begun."""
    said = home("directory", "init", "f", "--name", "N", "--suites", text, *WHY)
    assert said.code == 2 and "--suites" in said.err
    assert not (home.folder / "state" / "federation").exists()


def test_a_federation_that_its_founder_cannot_be_in_is_not_begun(home):
    """The founder is its first member: without a suite in common nothing is made."""
    said = home("directory", "init", "f", "--name", "N", "--suites", "1", *WHY)
    assert said.code == 5 and "keys.suites" in said.err
    assert not (home.folder / "state" / "federation").exists()


@pytest.mark.parametrize(
    "section",
    ["suites = []", "suites = [4]", "suites = [3, 3]", "suites = [3, 2, 1]", "suites = [2]", "min_suite = 4",
     "suites = [1]", "suites = [1]\nmin_suite = 0", 'suites = "3"', "suites = [3, 2]\nmin_suite = 1.5"],
)  # fmt: skip
def test_settings_outside_the_closed_table_refuse_to_start(home, section):
    """Reserved, unknown and doubled numbers, a least above all of them, suite 1 that nobody would believe."""
    with_keys(home, section)
    said = home("keys", "list")
    assert said.code == 9 and "keys" in said.err


def members(home: Any) -> Any:
    """The members file as it stands."""
    return parse((home.folder / "members.json").read_bytes(), lines=True)


def test_a_start_takes_the_settings_into_the_own_record(home):
    """With the list's yes: keys of suite 1 are made, logged and published; a second start changes nothing."""
    (home.folder / "members.json").write_text(json.dumps(members(home) | {"suites": [3, 2, 1]}))
    with_keys(home, ALL)
    before, trust = members(home), started(home)
    mine = trust.member(home.me)
    assert (mine.suites, mine.min_suite, trust.version) == ((3, 2, 1), 1, before["version"] + 1)
    assert {key.alg for key in mine.keys} >= {"ES256", CLASSICAL_KEM}
    others = [one for one in members(home)["members"] if one["id"] != home.me]
    assert others == [one for one in before["members"] if one["id"] != home.me]
    assert started(home).version == trust.version
    assert home("audit", "verify").code == 0
    due = {row["alg"] for row in home("keys", "list", "--due", "--json").rows if row["act"] == "make"}
    assert "ES256" not in due


def test_without_the_lists_yes_no_key_of_suite_1_is_made(home):
    """The record says what the node would take; the list has it off, so nothing is made or agreed on."""
    with_keys(home, ALL)
    trust = started(home)
    assert trust.member(home.me).suites == (3, 2, 1) and trust.suites == {3, 2}
    assert not {key.alg for key in trust.member(home.me).keys} & {"ES256", CLASSICAL_KEM}


def test_settings_that_say_less_take_suite_1_off_again(home):
    """The record follows the settings both ways; keys that are there stay, so old evidence verifies."""
    text = home.config.read_text()
    (home.folder / "members.json").write_text(json.dumps(members(home) | {"suites": [3, 2, 1]}))
    with_keys(home, ALL)
    started(home)
    home.config.write_text(text)
    mine = started(home).member(home.me)
    assert (mine.suites, mine.min_suite) == ((3, 2), 3) and "ES256" in {key.alg for key in mine.keys}


def test_a_new_node_begins_with_the_suites_of_its_settings(home):
    """On an empty folder the first members file and the first record say the same as the settings."""
    import shutil

    (home.folder / "members.json").unlink()
    shutil.rmtree(home.folder / "state")
    with_keys(home, ALL)
    trust = started(home)
    assert trust.suites == {3, 2, 1} and trust.member(home.me).suites == (3, 2, 1)
    assert CLASSICAL_KEM in {key.alg for key in trust.member(home.me).keys}


def test_rotation_makes_keys_of_what_settings_and_list_have_on(home):
    """`keys rotate --use enc` makes a key for each KEM that is on."""
    (home.folder / "members.json").write_text(json.dumps(members(home) | {"suites": [3, 2, 1]}))
    with_keys(home, ALL)
    assert home("keys", "rotate", "--use", "enc", *WHY).code == 0
    held = trust_list_from_json((home.folder / "members.json").read_bytes()).member(home.me)
    assert {key.alg for key in held.keys if key.use == "enc"} == {KEM, CLASSICAL_KEM}
    assert held.min_suite == 1
