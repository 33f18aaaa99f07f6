"""Make the self-test vector of `keys/selftest.py`: `python tests/vectors/envelope/selftest.py > FILE`.

HPKE, Cobblestone and ML-DSA draw randomness of their own: another run makes an equivalent file, not an equal
one. The committed file is frozen; with a new suite only what is missing is added.
"""

import hashlib
import json
import sys
from dataclasses import replace
from typing import Any

from keys import algorithms
from keys.atrest import seal_at_rest
from keys.envelope.draft import Claims, draft
from keys.envelope.recipient import recipient_from_trust
from keys.envelope.seal import finish, signers_for_suite
from keys.jwk import jwk_from_seed
from keys.leaf import subject_keys
from keys.member import member_from_store
from keys.selftest import stored_vector
from keys.store.memory import MemoryKeyStore
from keys.syntax import b64u
from keys.trust import trust_list, trust_list_to_json

NOW = 1_767_225_600


def seed(label: str) -> bytes:
    """A seed that follows from its label."""
    return hashlib.sha256(f"carepact self-test vector {label}".encode()).digest()


def entropy(length: int) -> bytes:
    """The vector's own fixed 'randomness': never used for anything that is secret."""
    return hashlib.shake_256(b"carepact self-test vector entropy").digest(length)


def store(member: str) -> MemoryKeyStore:
    """Signing pair and KEM key of one member of the vector, and those of suite 1."""
    made = MemoryKeyStore(entropy)
    made.adopt("sig", "Ed25519", seed(f"{member} Ed25519"), nbf=NOW - 3600, exp=NOW + 86_400)
    made.adopt("sig", "ML-DSA-65", seed(f"{member} ML-DSA-65"), nbf=NOW - 3600, exp=NOW + 86_400)
    made.adopt("sig", "ES256", seed(f"{member} ES256"), nbf=NOW - 3600, exp=NOW + 86_400)
    for alg in algorithms.KEMS:
        made.adopt("enc", alg, kem_seed(member, alg), nbf=NOW - 3600, exp=NOW + 82_800)
    return made


def kem_seed(member: str, alg: str) -> bytes:
    """Of one member's key of this KEM."""
    return seed(f"{member} enc" if alg == algorithms.KEM else f"{member} enc {alg}")


def known_answers() -> dict[str, dict[str, str]]:
    """One for each algorithm of the table."""
    message = b"carepact self-test"
    answers = {}
    for alg in algorithms.SIGNATURES:
        public = algorithms.public_from_seed(alg, seed(alg))
        answers[alg] = {
            "seed": b64u(seed(alg)),
            "public_sha256": hashlib.sha256(public).hexdigest(),
            "signature": b64u(algorithms.sign_raw(alg, seed(alg), message)),
        }
    for alg in algorithms.KEMS:
        own = seed("kem" if alg == algorithms.KEM else f"kem {alg}")
        sealed = algorithms.wrap_to(algorithms.public_from_seed(alg, own), message, b"info", alg)
        answers[alg] = {"seed": b64u(own), "sealed": b64u(sealed)}
    answers["A256GCM"] = {"sealed": b64u(seal_at_rest(bytes(32), b"plain", b"aad", bytes(12)))}
    answers["HKDF-SHA256"] = {"tag": subject_keys(bytes(32)).tag.hex()}
    return answers


def vector(suite: int) -> dict[str, Any]:
    """A request of a.example that b.example opens; of each member the keys of this suite alone."""
    row = algorithms.SUITES[suite]
    stores = {name: store(name) for name in ("a.example", "b.example")}
    members = [
        replace(made, keys=tuple(key for key in made.keys if key.alg in (row.kem, *row.signatures)))
        for made in (
            member_from_store(keys, name, suites=(suite,), min_suite=suite) for name, keys in stores.items()
        )
    ]
    trust = trust_list(1, NOW + 86_400, members, suites=(suite,))
    content = b'{"v":1,"op":"query"}'
    claims = Claims(
        kind="request",
        iss="a.example",
        typ="application/vnd.carepact.request+json",
        exp=NOW + 300,
        pou="TREAT",
        agr="selftest@1",
        rkey=jwk_from_seed(row.kem, seed("reply")),
    )
    to = [recipient_from_trust(trust, "b.example", at=NOW, suite=suite)]
    made = draft(claims, content, to, suite=suite, now=NOW, entropy=entropy)
    sealed = finish(made, signers_for_suite(stores["a.example"], suite, at=NOW))
    return {
        "me": "b.example",
        "now": NOW,
        "kem_seed": b64u(kem_seed("b.example", row.kem)),
        "trust": json.loads(trust_list_to_json(trust)),
        "envelope": b64u(sealed.envelope),
        "content_sha256": hashlib.sha256(content).hexdigest(),
    }


def main() -> None:
    """Print the vector: the one that is committed, and what it lacks."""
    held = dict(stored_vector())
    held["known"] = known_answers() | held.get("known", {})
    if "also" not in held:
        held["also"] = [vector(2), vector(1)]
    json.dump(held, sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
