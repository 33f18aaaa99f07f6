"""Between the steps: what is signed when, how much a primitive is given, and what an opening may reach for."""

import json
import os
import random
import socket
from dataclasses import replace

import pytest

from keys.envelope import opener, seal
from keys.envelope.binding import ExpectRequest
from keys.envelope.framing import SLICE
from keys.envelope.open import open_envelope
from keys.envelope.seal import finish
from keys.errors import EnvelopeRefused
from keys.syntax import b64u, unb64u

A, B = "a.example", "b.example"


@pytest.mark.soak
@pytest.mark.parametrize("suite", [1, 2, 3])
def test_ten_thousand_flips_are_refused(world, old_world, suite):
    """ENV-01: 10 000 single bits anywhere in an envelope of each suite: none is accepted."""
    chosen = old_world if suite == 1 else world
    sealed = chosen.request(bytes(range(256)) * 70, suite=suite)[0].envelope
    rng = random.Random(os.urandom(16))
    for _ in range(10_000):
        at, bit = rng.randrange(len(sealed)), 1 << rng.randrange(8)
        with pytest.raises(EnvelopeRefused):
            open_envelope(
                sealed[:at] + bytes((sealed[at] ^ bit,)) + sealed[at + 1 :],
                chosen.opening(B, ExpectRequest()),
            )


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "url"])
def test_nothing_of_an_opening_reaches_for_the_network(world, forged, refused, monkeypatch, member):
    """ENV-07: a header that names a key or an address is refused as syntax; no socket is ever made."""

    def never(*_, **__):
        raise AssertionError("an opening made a socket")

    monkeypatch.setattr(socket, "socket", never)
    monkeypatch.setattr(socket, "create_connection", never)
    assert refused(forged(signed=lambda signed: with_member(signed, member))) == "syntax"
    assert open_envelope(forged(), world.opening(B, ExpectRequest()))


def with_member(signed, member):
    """The JWS with one more member in its first protected header."""
    value = json.loads(signed)
    header = json.loads(unb64u(value["signatures"][0]["protected"]))
    header[member] = "https://keys.example/k.json"
    value["signatures"][0]["protected"] = b64u(
        json.dumps(header, separators=(",", ":"), sort_keys=True).encode()
    )
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def recording(real, sizes):
    """The stream of the library, and what it is given at once."""

    class Stream:
        def __init__(self, *arguments):
            self._stream = real(*arguments)

        def update(self, data):
            sizes.append(len(data))
            return self._stream.update(data)

        def finalize(self):
            return self._stream.finalize()

    return Stream


@pytest.mark.parametrize("size", [10, SLICE, SLICE + 1, 3_000_000])
def test_no_primitive_is_given_more_than_a_slice(world, monkeypatch, size):
    """ENV-20: whatever the content, the stream holds the interpreter for at most 256 KiB at a time."""
    given = []
    monkeypatch.setattr(seal, "Cobblestone256Encryptor", recording(seal.Cobblestone256Encryptor, given))
    monkeypatch.setattr(opener, "Cobblestone256Decryptor", recording(opener.Cobblestone256Decryptor, given))
    content = os.urandom(size)
    opened = open_envelope(world.request(content)[0].envelope, world.opening(B, ExpectRequest()))
    assert opened.content == content and 0 < max(given) <= SLICE


def test_a_draft_that_was_thrown_away_was_never_signed(world):
    """ENV-22: until the caller's transaction committed nothing is signed; `md` of the leaf is that of the draft."""
    signed = []

    def counted(signer):
        def sign(data):
            signed.append(signer.alg)
            return signer.sign(data)

        return replace(signer, sign=sign)

    made = world.request(b"{}")[1]
    signers = [counted(signer) for signer in world.signers(A)]
    assert made.md and not signed
    sealed = finish(made, signers)
    assert signed == ["Ed25519", "ML-DSA-65"] and sealed.md == made.md


def test_the_longest_manifest_in_single_bytes_is_read_without_copying_it_each_time(world):
    """A sender who drips cannot make the receiver copy what it has again and again: events come as chunks do."""
    sealed = world.request(os.urandom(20_000))[0].envelope
    fed = opener.Opener(world.opening(B, ExpectRequest()))
    events = [event for at in range(len(sealed)) for event in fed.feed(sealed[at : at + 1])]
    events += fed.finish()
    assert len(events) <= 6
