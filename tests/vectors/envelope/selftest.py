"""Make the self-test vector of `keys/selftest.py`: `python tests/vectors/envelope/selftest.py > FILE`.

HPKE, Cobblestone and ML-DSA draw randomness of their own: another run makes an equivalent file, not an equal
one. The committed file is frozen; it changes only with a new suite.
"""

import hashlib
import json
import sys

from keys import algorithms
from keys.atrest import seal_at_rest
from keys.envelope.draft import Claims, draft
from keys.envelope.recipient import recipient_from_trust
from keys.envelope.seal import finish, signers_for_suite
from keys.jwk import jwk_from_seed
from keys.leaf import subject_keys
from keys.member import member_from_store
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
    """Signing pair and KEM key of one member of the vector."""
    made = MemoryKeyStore(entropy)
    made.adopt("sig", "Ed25519", seed(f"{member} Ed25519"), nbf=NOW - 3600, exp=NOW + 86_400)
    made.adopt("sig", "ML-DSA-65", seed(f"{member} ML-DSA-65"), nbf=NOW - 3600, exp=NOW + 86_400)
    made.adopt("enc", algorithms.KEM, seed(f"{member} enc"), nbf=NOW - 3600, exp=NOW + 82_800)
    return made


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
    public = algorithms.public_from_seed(algorithms.KEM, seed("kem"))
    sealed = algorithms.wrap_to(public, message, b"info")
    answers[algorithms.KEM] = {"seed": b64u(seed("kem")), "sealed": b64u(sealed)}
    answers["A256GCM"] = {"sealed": b64u(seal_at_rest(bytes(32), b"plain", b"aad", bytes(12)))}
    answers["HKDF-SHA256"] = {"tag": subject_keys(bytes(32)).tag.hex()}
    return answers


def main() -> None:
    """Print the vector."""
    stores = {name: store(name) for name in ("a.example", "b.example")}
    members = [member_from_store(keys, name) for name, keys in stores.items()]
    trust = trust_list(1, NOW + 86_400, members)
    content = b'{"v":1,"op":"query"}'
    made = draft(
        Claims(
            kind="request",
            iss="a.example",
            typ="application/vnd.carepact.request+json",
            exp=NOW + 300,
            pou="TREAT",
            agr="selftest@1",
            rkey=jwk_from_seed(algorithms.KEM, seed("reply")),
        ),
        content,
        [recipient_from_trust(trust, "b.example", at=NOW)],
        suite=3,
        now=NOW,
        entropy=entropy,
    )
    sealed = finish(made, signers_for_suite(stores["a.example"], 3, at=NOW))
    vector = {
        "me": "b.example",
        "now": NOW,
        "kem_seed": b64u(seed("b.example enc")),
        "trust": json.loads(trust_list_to_json(trust)),
        "envelope": b64u(sealed.envelope),
        "content_sha256": hashlib.sha256(content).hexdigest(),
        "known": known_answers(),
    }
    json.dump(vector, sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
