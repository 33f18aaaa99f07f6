"""Suite 1 (P-256, ES256): for old hardware, off until both members and their federation switch it on."""

import os
from dataclasses import replace

import pytest

from keys.algorithms import CLASSICAL_KEM, KEM, LIVE_SUITES, public_from_seed, sign_raw, verifies, wrap_to
from keys.envelope.binding import ExpectRequest
from keys.envelope.open import open_envelope
from keys.envelope.recipient import choose_suite, make_reply_key
from keys.errors import EnvelopeRefused, KeyRefused, UnknownKey
from keys.jwk import jwk_from_public, jwk_from_seed, kid_from_jwk, public_from_jwk
from keys.member import member_from_store
from keys.p256 import ORDER, scalar_from_seed
from keys.syntax import b64u
from keys.trust import trust_list, trust_list_from_json, trust_list_to_json

A, B = "a.example", "b.example"


def open_at(world, envelope, me=B, **changes):
    """Open as a request; the opened, or the word of the refusal."""
    try:
        return open_envelope(envelope, world.opening(me, ExpectRequest(), **changes))
    except EnvelopeRefused as refused:
        return refused.reason


def test_a_request_and_its_answer_in_suite_1(old_world):
    """Where everybody switched it on, a request and its answer go both ways under P-256 alone."""
    sealed, made, reply = old_world.request(b'{"v":1}', suite=1)
    opened = open_at(old_world, sealed.envelope)
    assert (opened.content, opened.suite, set(opened.manifest.rkey)) == (
        b'{"v":1}',
        1,
        {"kty", "crv", "x", "y"},
    )
    answer = old_world.response(opened, b"{}")[0]
    got = open_envelope(answer.envelope, old_world.opening(A, old_world.awaiting(made, reply), keys=[reply]))
    assert got.content == b"{}" and got.suite == 1


def test_suite_1_is_off_by_default(world, old_world):
    """One who did not switch it on refuses it by number; the default list holds 2 and 3 alone."""
    envelope = old_world.request(suite=1)[0].envelope
    assert open_at(world, envelope) == "suite" and {2, 3} == LIVE_SUITES


def with_record(trust, address, **changes):
    """The list with one record changed."""
    members = [replace(one, **changes) if one.id == address else one for one in trust.members.values()]
    return replace(trust_list(trust.version, trust.expires, members), suites=trust.suites)


@pytest.mark.parametrize(
    "off",
    [
        pytest.param(lambda t: replace(t, suites=frozenset((2, 3))), id="federation"),
        pytest.param(lambda t: with_record(t, A, suites=(3, 2)), id="sender"),
        pytest.param(lambda t: with_record(t, B, suites=(3, 2)), id="receiver"),
        pytest.param(lambda t: with_record(t, A, min_suite=2), id="sender's least"),
    ],
)
def test_each_of_the_three_can_keep_suite_1_off(old_world, off):
    """Without the federation, the sender or the receiver, nothing is sealed or opened in suite 1."""
    envelope, trust = old_world.request(suite=1)[0].envelope, off(old_world.trust)
    assert open_at(old_world, envelope, trust=trust) == "suite"


def test_suite_1_is_chosen_only_where_nothing_better_is_common(old_world):
    """The highest that both list; 1 only if it is all that is left, and on."""
    trust = old_world.trust
    assert choose_suite(trust, A, B) == 3
    only = with_record(trust, B, suites=(1,), min_suite=1)
    assert choose_suite(only, A, B) == 1
    with pytest.raises(UnknownKey):
        choose_suite(replace(only, suites=frozenset((2, 3))), A, B)


def test_a_members_file_says_that_suite_1_is_on(old_world, world):
    """`suites` of the file is read back; a file without it has it off; an unknown number is no file."""
    written = trust_list_to_json(old_world.trust)
    read = trust_list_from_json(written)
    assert read.suites == {1, 2, 3} and trust_list_to_json(read) == written and not read.disabled
    plain = trust_list_to_json(world.trust)
    assert trust_list_from_json(plain).suites == LIVE_SUITES
    for wrong in (b"[3,9]", b"[]", b'"3"', b"[3,4]"):
        with pytest.raises(KeyRefused):
            trust_list_from_json(plain[:-1] + b',"suites":' + wrong + b"}")


def test_suite_1_rewritten_is_refused(old_world):
    """ENV-02: the number is under the stanza, and stanzas are of different length: no way up or down."""
    for suite, other in ((1, 2), (1, 3), (3, 1), (2, 1)):
        envelope = old_world.request(suite=suite)[0].envelope
        assert open_at(old_world, envelope[:5] + bytes((other,)) + envelope[6:]) in (
            "key",
            "framing",
            "stanza",
        )


def test_a_hybrid_key_is_no_key_of_suite_1(old_world, world):
    """A recipient's key of another KEM is refused before anything is sealed, and a foreign reply key after."""
    reply = make_reply_key(os.urandom, now=old_world.now, exp=old_world.now + 300, suite=3)
    sealed = old_world.request(suite=1, rkey=reply.jwk)[0]
    assert open_at(old_world, sealed.envelope) == "binding"


def test_a_p256_key_belongs_to_one_use(old_world):
    """The JWK does not say what it is for: its use does, and without a use it is refused."""
    jwk = dict(jwk_from_seed("ES256", bytes(32)))
    assert public_from_jwk(jwk, use="sig").alg == "ES256"
    assert public_from_jwk(jwk, use="enc").alg == CLASSICAL_KEM
    for use in (None, "log", "witness", "directory"):
        with pytest.raises(KeyRefused):
            public_from_jwk(jwk, use=use)
    assert set(jwk) == {"crv", "kty", "x", "y"} and len(kid_from_jwk(jwk)) == 43


@pytest.mark.parametrize("use", ["sig", "enc"])
@pytest.mark.parametrize(
    "bend",
    [
        lambda jwk: jwk | {"y": b64u(bytes(32))}, lambda jwk: jwk | {"x": b64u(b"\xff" * 32)}, lambda jwk: jwk | {"crv": "P-384"},
        lambda jwk: jwk | {"kty": "OKP"}, lambda jwk: jwk | {"d": b64u(bytes(32))}, lambda jwk: jwk | {"x": jwk["x"][:-1]},
        lambda jwk: jwk | {"alg": "ES256"}, lambda jwk: {"crv": "P-256", "kty": "EC", "x": jwk["x"]},
        lambda jwk: jwk | {"x": b64u(bytes(32)), "y": b64u(bytes(32))},
    ],
)  # fmt: skip
def test_points_off_the_curve_and_other_shapes_never_enter(use, bend):
    """Guard 2: a point that is none, another curve, a private half, a member more or less: `KeyRefused`."""
    with pytest.raises(KeyRefused):
        public_from_jwk(bend(dict(jwk_from_seed("ES256", bytes(32)))), use=use)


def test_es256_is_64_bytes_without_a_nonce_to_leak():
    """RFC 6979: the same message has the same signature; only 64 bytes of this key verify."""
    seed, public = b"\7" * 32, public_from_seed("ES256", b"\7" * 32)
    first, second = (sign_raw("ES256", seed, b"data") for _ in range(2))
    assert first == second and len(first) == 64 and verifies("ES256", public, first, b"data")
    bad = [first[:-1], first + b"\0", bytes(64), bytes(32) + first[32:], first[:32] + bytes(32), b"\xff" * 64]
    assert not any(verifies("ES256", public, one, b"data") for one in bad)
    assert not verifies("ES256", public, first, b"other")
    assert not verifies("ES256", b"\2" + public[1:33], first, b"data")


def test_scalars_are_in_range_and_follow_from_the_seed():
    """Every seed has one scalar of the group, another for another seed."""
    scalars = {scalar_from_seed(bytes((n,)) * 32) for n in range(64)}
    assert len(scalars) == 64 and all(0 < one < ORDER for one in scalars)


def test_wrapping_to_the_wrong_kind_is_refused():
    """A key of one KEM under the name of the other, or a name outside the table."""
    lattice, point = public_from_seed(KEM, bytes(32)), public_from_seed(CLASSICAL_KEM, bytes(32))
    for public, alg in (
        (lattice, CLASSICAL_KEM),
        (point, KEM),
        (point, "ES256"),
        (b"\5" + point[1:], CLASSICAL_KEM),
    ):
        with pytest.raises(KeyRefused):
            wrap_to(public, b"cek", b"info", alg)


def test_one_key_under_two_uses_disables_its_member(old_world):
    """The thumbprint names the key whatever its use: the same point twice is one key twice."""
    store = old_world.stores[A]
    record = member_from_store(store, A, suites=(3, 2, 1), min_suite=1)
    sig = next(key for key in record.keys if key.alg == "ES256")
    twin = replace(sig, use="enc", alg=CLASSICAL_KEM, pop="", exp=sig.nbf + 3600)
    bad = trust_list(1, old_world.now + 9, [replace(record, keys=(*record.keys, twin))], suites=(3, 2, 1))
    assert trust_list_from_json(trust_list_to_json(bad)).disabled
    assert jwk_from_public("ES256", sig.raw) == jwk_from_public(CLASSICAL_KEM, sig.raw)
