"""Our frozen vectors (`tests/vectors/envelope/`): what they say is what happens, in every later version."""

import hashlib
import json
import random
from pathlib import Path

import pytest

from keys.algorithms import CLASSICAL_KEM, KEM
from keys.envelope.binding import ExpectAck, ExpectRequest, ExpectResponse, Opening
from keys.envelope.open import open_envelope
from keys.envelope.recipient import ReplyKey
from keys.errors import EnvelopeRefused
from keys.jwk import jwk_from_seed, kid_from_jwk
from keys.store.memory import MemoryReplay
from keys.syntax import unb64u
from keys.trust import trust_list_from_json

VECTORS = Path(__file__).parents[2] / "vectors" / "envelope"
FILES = sorted(VECTORS.glob("*.cpx"))


@pytest.fixture(scope="module")
def trust():
    """The members of the vectors, by the file that a vector names."""
    return {
        name: trust_list_from_json((VECTORS / name).read_bytes()) for name in ("trust.json", "trust-1.json")
    }


def vector(path):
    """(header lines, envelope) of one file."""
    head, _, envelope = path.read_bytes().partition(b"\n\n")
    return dict(line.split(": ", 1) for line in head.decode("ascii").split("\n")), envelope


def opening_of(lines, trust):
    """What the reader of a vector holds it against."""
    seed, now = unb64u(lines["kem-seed"]), int(lines["now"])
    alg = CLASSICAL_KEM if lines["suite"] == "1" else KEM
    jwk = jwk_from_seed(alg, seed)
    key = ReplyKey(kid_from_jwk(jwk), alg, now - 3600, now + 82_800, jwk, seed)
    request = unb64u(lines.get("request", ""))
    expect = {
        "request": lambda: ExpectRequest(),
        "response": lambda: ExpectResponse(lines["peer"], request, key.kid, int(lines["suite"])),
        "ack": lambda: ExpectAck(
            lines["peer"], request, hashlib.sha256(b"md").digest(), hashlib.sha256(b"env").digest()
        ),
    }[lines["kind"]]()
    most = 16 if lines.get("notice") == "yes" else 1
    members = trust[lines.get("trust", "trust.json")]
    return Opening(lines["me"], members, (key,), expect, MemoryReplay(), now, max_recipients=most)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_vector(path, trust):
    """Opened to the content it names, or refused for the reason it names."""
    lines, envelope = vector(path)
    if lines["expect"] == "opened":
        opened = open_envelope(envelope, opening_of(lines, trust))
        assert hashlib.sha256(opened.content).hexdigest() == lines["payload-sha256"]
        return
    with pytest.raises(EnvelopeRefused) as caught:
        open_envelope(envelope, opening_of(lines, trust))
    assert caught.value.reason == lines["reason"]


def test_every_reason_that_bytes_can_show_has_a_vector():
    """Only `replay` needs more than the bytes of one envelope."""
    shown = {vector(path)[0].get("reason") for path in FILES} - {None}
    assert EnvelopeRefused.REASONS - shown == {"replay"}
    assert set(json.loads((VECTORS / "keys.json").read_text())) >= {"a.example", "b.example", "c.example"}


@pytest.fixture(scope="module")
def second():
    """The second implementation, which imports nothing of ours."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("carepact_second", VECTORS / "second.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert not [name for name in vars(module) if name.startswith("keys")]
    return module


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_second_implementation_agrees(path, second):
    """Written from the page alone, it opens and refuses every vector as its header lines say."""
    lines, _ = vector(path)
    members = json.loads((VECTORS / lines.get("trust", "trust.json")).read_bytes())
    said = second.verdict(path.read_bytes(), members)
    assert said == (lines["expect"], lines.get("payload-sha256") or lines["reason"])


@pytest.mark.parametrize("name", ["request-2", "old-request"])
def test_both_implementations_agree_on_altered_bytes(second, trust, name):
    """400 single bytes of a vector flipped, anywhere: neither opens it, and they refuse for one word."""
    path = VECTORS / f"{name}.cpx"
    lines, envelope = vector(path)
    head = path.read_bytes().partition(b"\n\n")[0]
    own = json.loads((VECTORS / lines.get("trust", "trust.json")).read_bytes())
    rng = random.Random(11)
    for _ in range(400):
        place = rng.randrange(len(envelope))
        bent = envelope[:place] + bytes((envelope[place] ^ 1 << rng.randrange(8),)) + envelope[place + 1 :]
        with pytest.raises(EnvelopeRefused) as caught:
            open_envelope(bent, opening_of(lines, trust))
        assert second.verdict(head + b"\n\n" + bent, own) == ("refused", caught.value.reason)
