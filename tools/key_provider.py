"""A key provider in software: what an HSM or a cloud is asked, from a folder (docs/keys.md).

`key_provider.py FOLDER` answers one JSON line with one; FOLDER holds `kek` and `LABEL.key` (`ALG` and the
seed in hex), 0600. It is the example to start from: replace the five functions by calls of your PKCS#11
library or cloud, and keep the rest.
"""

import base64
import json
import os
import re
import sys
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_LABEL = re.compile(r"[a-z0-9-]{1,64}").fullmatch


def b64u(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64u(text: str) -> bytes:
    """Its bytes."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def wrap(folder: Path, asked: dict[str, str]) -> dict[str, str]:
    """Seal under the KEK, bound to `aad`."""
    nonce = os.urandom(12)
    box = AESGCM((folder / "kek").read_bytes())
    return {"wrapped": b64u(nonce + box.encrypt(nonce, unb64u(asked["plain"]), unb64u(asked["aad"])))}


def unwrap(folder: Path, asked: dict[str, str]) -> dict[str, str]:
    """Open under the KEK."""
    data = unb64u(asked["wrapped"])
    box = AESGCM((folder / "kek").read_bytes())
    return {"plain": b64u(box.decrypt(data[:12], data[12:], unb64u(asked["aad"])))}


def _key(folder: Path, asked: dict[str, str]) -> tuple[str, bytes]:
    if not _LABEL(asked["key"]):
        raise ValueError
    alg, seed = (folder / f"{asked['key']}.key").read_text("ascii").split()
    return alg, bytes.fromhex(seed)


def public(folder: Path, asked: dict[str, str]) -> dict[str, str]:
    """Algorithm and public key of a label: Ed25519 as 32 bytes, ES256 as an uncompressed point."""
    alg, seed = _key(folder, asked)
    if alg == "Ed25519":
        raw = ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    else:
        point = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        raw = (
            ec.derive_private_key(int.from_bytes(seed, "big"), ec.SECP256R1())
            .public_key()
            .public_bytes(*point)
        )
    return {"alg": alg, "public": b64u(raw)}


def sign(folder: Path, asked: dict[str, str]) -> dict[str, str]:
    """Sign: Ed25519, or ES256 as `r ‖ s` (PKCS#11's CKM_ECDSA gives that too, over the hash)."""
    alg, seed = _key(folder, asked)
    data = unb64u(asked["data"])
    if alg == "Ed25519":
        return {"signature": b64u(ed25519.Ed25519PrivateKey.from_private_bytes(seed).sign(data))}
    private = ec.derive_private_key(int.from_bytes(seed, "big"), ec.SECP256R1())
    r, s = decode_dss_signature(private.sign(data, ec.ECDSA(hashes.SHA256())))
    return {"signature": b64u(r.to_bytes(32, "big") + s.to_bytes(32, "big"))}


def hello(folder: Path, _: dict[str, str]) -> dict[str, str]:
    """The name that key headers bear."""
    return {"name": f"software-{folder.name}"}


OPERATIONS = {"hello": hello, "wrap": wrap, "unwrap": unwrap, "public": public, "sign": sign}


def main() -> int:
    """Answer until the input ends."""
    folder = Path(sys.argv[1])
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            said = OPERATIONS[asked["op"]](folder, asked)
        except (KeyError, ValueError, OSError, InvalidTag):
            said = {"error": "refused"}
        sys.stdout.write(json.dumps({"id": asked["id"]} | said, separators=(",", ":")) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
