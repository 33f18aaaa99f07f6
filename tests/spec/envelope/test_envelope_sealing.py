"""What `seal` refuses to make, and what a draft and a trust list choose."""

import os
from dataclasses import replace

import pytest

from keys import selftest
from keys.envelope.draft import MAX_CONTENT, Claims, draft
from keys.envelope.manifest import manifest_from_payload
from keys.envelope.recipient import choose_suite, http_request_digest, make_reply_key, recipient_from_trust
from keys.envelope.seal import finish
from keys.envelope.verify import verify_manifest
from keys.errors import EnvelopeRefused, KeyFault, UnknownKey
from keys.syntax import unb64u

NOW = 1_767_225_600


@pytest.fixture
def making(world):
    """`draft` of an honest request with one thing changed; returns the reason of the refusal."""
    reply = make_reply_key(os.urandom, now=NOW, exp=NOW + 300)
    honest = Claims("request", "a.example", "application/vnd.carepact.request+json", NOW + 300,
                    pou="TREAT", agr="x@1", rkey=reply.jwk)  # fmt: skip
    recipient = recipient_from_trust(world.trust, "b.example", at=NOW)

    def make(content=b"{}", recipients=(recipient,), suite=3, **claims):
        with pytest.raises(EnvelopeRefused) as caught:
            draft(replace(honest, **claims), content, recipients, suite=suite, now=NOW, entropy=os.urandom)
        return caught.value.reason

    make.recipient = recipient
    return make


def test_nothing_is_drafted_that_would_be_refused(making):
    """Suites, recipients, times, sizes and claims that our peer would refuse are refused before the commit."""
    recipient = making.recipient
    assert making(suite=4) == "suite" and making(suite=0) == "suite"
    assert making(recipients=()) == "recipient" and making(recipients=(recipient, recipient)) == "recipient"
    other = replace(recipient, key=replace(recipient.key, alg="Ed25519"))
    assert making(recipients=(other,)) == "key"
    assert making(exp=NOW) == "time" and making(exp=NOW + 601) == "time"
    piece = bytes(1 << 20)
    assert making(content=(piece for _ in range((MAX_CONTENT >> 20) + 1))) == "limit"
    assert (
        making(pou="") == "claims" and making(agr="none") == "claims" and making(typ="text/plain") == "claims"
    )
    assert making(iss="A") == "claims" and making(pou="É") == "syntax"


def test_signed_only_by_what_the_suite_names(world):
    """`finish` takes exactly the suite's algorithms, in order: a missing one is no lesser envelope."""
    _, made, _ = world.request()
    signers = world.signers("a.example")
    for wrong in ((), signers[:1], signers[::-1], (*signers, signers[0])):
        with pytest.raises(UnknownKey):
            finish(made, wrong)


def test_draft_says_before_signing_what_is_signed(world):
    """`md` and `jti` of the draft are those of the envelope: the leaf can be written first."""
    sealed, made, _ = world.request()
    assert manifest_from_payload(made.payload) == made.manifest
    manifest, md = verify_manifest(sealed.jws, made.suite, world.trust)
    assert manifest == made.manifest and manifest.jti == made.jti and sealed.md == made.md == md
    assert len(unb64u(made.jti)) == 16


def test_kept_evidence_proves_nothing_without_its_blind(world):
    """ENV-18: manifest and true content alone do not match: the hash is over a random blind."""
    from keys.envelope.evidence import content_matches

    _, made, _ = world.request(b"guessable")
    assert content_matches(made.manifest, made.blind, b"guessable")
    assert not content_matches(made.manifest, b"", b"guessable")
    assert not content_matches(made.manifest, bytes(32), b"guessable")


def test_secrets_stand_in_no_repr(world):
    """A draft or a reply key in a log line shows neither CEK, blind, content nor seed."""
    _, made, reply = world.request(b"canary-content")
    shown = repr(made) + repr(reply)
    assert "canary-content" not in shown and repr(made.cek) not in shown and repr(made.blind) not in shown
    assert "_seed" not in shown


def test_suite_choice(world, with_member):
    """The highest suite that both records list; below either minimum there is none."""
    trust = world.trust
    assert choose_suite(trust, "a.example", "b.example") == 3
    assert choose_suite(with_member(trust, "b.example", suites=(2,)), "a.example", "b.example") == 2
    with pytest.raises(UnknownKey):
        choose_suite(with_member(trust, "b.example", suites=(2,), min_suite=3), "a.example", "b.example")
    with pytest.raises(UnknownKey):
        choose_suite(trust, "a.example", "d.example")


def test_http_digest_separates_its_parts():
    """Method, target, nonce and body each change `req`, and cannot be moved into one another."""
    nonce = bytes(range(16))
    base = http_request_digest("GET", "/fhir/Patient", nonce, b"")
    others = [
        http_request_digest("POST", "/fhir/Patient", nonce, b""),
        http_request_digest("GET", "/fhir/Patient?x", nonce, b""),
        http_request_digest("GET", "/fhir/Patient", bytes(16), b""),
        http_request_digest("GET", "/fhir/Patient", nonce, b"{}"),
    ]
    assert len({base, *others}) == 5 and len(base) == 32
    with pytest.raises(ValueError):
        http_request_digest("GET", "/", b"short", b"")


def test_selftest_passes_and_notices():
    """Guard 4: the shipped vector opens; another seed, content or known answer stops the node."""
    selftest.run()
    vector = selftest.stored_vector()
    envelope = unb64u(vector["envelope"])
    assert (
        len(selftest.flipped_regions(envelope)) == len(set(selftest.flipped_regions(envelope).values())) == 12
    )
    ed25519 = vector["known"]["Ed25519"]
    for broken in (
        {"content_sha256": "00"},
        {"kem_seed": ed25519["seed"]},
        {"known": vector["known"] | {"Ed25519": ed25519 | {"public_sha256": "00"}}},
        {
            "known": vector["known"]
            | {"ML-DSA-65": vector["known"]["ML-DSA-65"] | {"signature": ed25519["signature"]}}
        },
        {"known": vector["known"] | {"HKDF-SHA256": {"tag": "00"}}},
    ):
        with pytest.raises(KeyFault, match="self-test"):
            selftest.run(vector | broken)
