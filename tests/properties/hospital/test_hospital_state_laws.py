"""Random scenarios of a hospital: whatever the order of arrival, the state is that of the order of events.

Once through the pure fold, once through the node's own intake over a room in memory. No two events have the
same time, and none contradicts another: what contradicts is refused, and then the order of arrival does matter.
"""

import contextlib
import random
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.codec import decode_own
from adapters.hospital.acts import CANCELS, act_from_bytes
from adapters.hospital.fold import FOLDED, Contribution, fold
from adapters.hospital.normaliser import HospitalNormaliser
from adapters.interface import Original, Source
from consent.digest import ResourceContext, digest
from consent.facts import facts_to_bytes
from gateway.intake.apply import apply
from gateway.intake.prepare import Taken, prepare
from gateway.records.memory import memory_room
from gateway.records.room import Secrets

AT = datetime(2026, 3, 1, tzinfo=UTC)
SOURCE = Source("adt", "hospital", "st-brides.example", b"k" * 32, zone="Europe/London", facility="RXX")
PEOPLE = ("4711", "4799", "4788")
EVENTS = (
    "A01 A02 A03 A05 A08 A09 A10 A11 A12 A13 A16 A21 A22 A25 A32 A33 A38 A52 A53 A54 A55 A28 A29 A31".split()
)
NORMALISER = HospitalNormaliser()


def pid(rng, number):
    phone = rng.choice(["", '""', f"0113 496 000{rng.randrange(10)}"])
    work = rng.choice(["", '""', "0113 496 0099"])
    born = rng.choice(["", '""', "19580704"])
    return f"PID|1||{number}^^^RXX^MR||WARDLESS^Winifred||{born}|F|||||{phone}|{work}"


def pv1(rng, visit):
    said = {
        3: rng.choice(["", "W1^1^A", "W2^2^B"]),
        7: rng.choice(["", '""', "C7^Consult^Clara", "D8^Deputy^Dan"]),
        19: f"{visit}^^^RXX",
        45: rng.choice(["", "", '""', "202601200900"]),
    }
    return "|".join(["PV1", "1", rng.choice("IIOP"), *(said.get(n, "") for n in range(3, 46))])


def result(rng, person):
    status = rng.choice("PFCDX")
    lines = [
        f"OBX|{n}|NM|{n}^Test^L||{rng.randrange(9)}|g/L|||||{status}" for n in (1, 2) if rng.random() < 0.7
    ]
    obr = f"OBR|1||F-{person}^LAB|1^Panel^L" + "|" * 21 + rng.choice("PFC")
    return "ORU^R01", [pid(rng, PEOPLE[person]), obr, *lines]


def visit(rng):
    """A stay of one person: events, what cancels them, and now and then a new number."""
    if rng.random() < 0.1:
        return "ADT^A50", [pid(rng, PEOPLE[0]), "MRG|||||V-0^^^RXX", pv1(rng, "V-9")]
    cancel = rng.choice(sorted(CANCELS))
    event = rng.choice([cancel, *CANCELS[cancel], rng.choice(EVENTS)])
    return f"ADT^{event}", [pid(rng, PEOPLE[0]), pv1(rng, rng.choice(["V-0", "V-0", "V-9"]))]


def people(rng):
    """Merges, links and what parts them again, among three people and their visits."""
    kind, person = rng.random(), rng.randrange(3)
    if kind < 0.35:
        older, newer = sorted(rng.sample(range(3), 2))
        return "ADT^A40", [pid(rng, PEOPLE[newer]), f"MRG|{PEOPLE[older]}^^^RXX^MR||||||WARDLESS^W"]
    if kind < 0.65:
        pair = rng.sample(PEOPLE, 2)
        return f"ADT^{rng.choice(['A24', 'A37'])}", [pid(rng, number) for number in pair]
    return f"ADT^{rng.choice(EVENTS)}", [pid(rng, PEOPLE[person]), pv1(rng, f"V-{person}")]


def everything(rng):
    return rng.choice([visit, people, lambda rng: result(rng, rng.randrange(2))])(rng)


def scenario(rng):
    """Messages in the order of their events, each a minute apart; some say again what an earlier one said."""
    made, said = [], []
    theme = rng.choice([visit, people, everything])
    for n in range(rng.randrange(2, 9)):
        kind, segments = rng.choice(said) if said and rng.random() < 0.1 else theme(rng)
        said.append((kind, segments))
        head = f"MSH|^~\\&|PAS|RXX|GW|RXX|2026010210{n:02d}||{kind}|M{n}|P|2.5"
        made.append(("\r".join([head, f"EVN||2026010210{n:02d}", *segments]) + "\r").encode())
    return made


def normalised(body, n):
    return NORMALISER.normalise(Original(body, "application/hl7-v2", intake=f"in-{n}"), SOURCE, AT)


def contributions(batches, order):
    return [
        Contribution(
            batches[n].event_time,
            batches[n].sequence,
            arrival,
            one,
            act_from_bytes(batches[n].acts.get(f"{one['resourceType']}/{one['id']}", b"")),
        )
        for arrival, n in enumerate(order)
        for one in batches[n].resources
    ]


def compare_orders(seed):
    rng = random.Random(seed)
    bodies = scenario(rng)
    batches = [normalised(body, n) for n, body in enumerate(bodies)]
    order = list(range(len(bodies)))
    expected = fold(contributions(batches, order))
    for _ in range(3):
        rng.shuffle(order)
        assert fold(contributions(batches, order)) == expected
    return batches, order, expected


class Wrapper:
    """A KEK that lives as long as the test."""

    def __init__(self, entropy):
        self._cipher, self._entropy = AESGCM(entropy(32)), entropy

    def wrap(self, plain, aad):
        nonce = self._entropy(12)
        return nonce + self._cipher.encrypt(nonce, plain, aad)

    def unwrap(self, wrapped, aad):
        return self._cipher.decrypt(wrapped[:12], wrapped[12:], aad)


class InMemory:
    """A room in memory has no savepoints: what fails there fails the test."""

    begin_nested = staticmethod(contextlib.nullcontext)


def facts(resource, *, custodian, patients):
    return facts_to_bytes(digest(resource, ResourceContext(custodian, patients=patients)))


def compare_with_node(seed):
    """The node takes the messages in as they arrive; what is current then is what the fold says."""
    batches, order, expected = compare_orders(seed)
    entropy = random.Random(seed).randbytes
    room = memory_room(Secrets(Wrapper(entropy), entropy, entropy(32)))
    for arrival, n in enumerate(order):
        batch = batches[n]
        prepared = prepare(batch, intake=f"in-{n}", custodian=SOURCE.custodian, digest=facts)
        taken = Taken(f"in-{n}", arrival, SOURCE, AT, batch, prepared)
        assert apply(InMemory(), room, taken, facts).quarantine is None
    for reference, state in expected.items():
        if reference.partition("/")[0] in FOLDED:
            held = decode_own(room.records.current(reference).body)
            assert unsigned(held) == unsigned(state), reference


def unsigned(resource):
    """Without the intake that it came by: an equal saying keeps the first."""
    return resource | {"meta": resource["meta"] | {"source": ""}}


@pytest.mark.parametrize("block", range(10))
def test_every_order_of_arrival_gives_the_state_of_the_events(block):
    """300 random scenarios, each in three more orders, equal the fold in order."""
    for seed in range(30 * block, 30 * block + 30):
        compare_orders(seed)


@pytest.mark.parametrize("block", range(4))
def test_the_node_takes_in_what_the_fold_says(block):
    """100 random scenarios in random order through intake: every current record is the folded one."""
    for seed in range(1000 + 25 * block, 1025 + 25 * block):
        compare_with_node(seed)


@pytest.mark.soak
def test_ten_thousand_scenarios_equal_the_order_of_events():
    """10 000 random scenarios through the fold, every tenth through the node too."""
    for seed in range(10_000, 20_000):
        (compare_with_node if seed % 10 == 0 else compare_orders)(seed)
