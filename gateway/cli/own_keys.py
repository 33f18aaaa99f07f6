"""The node's own public keys as verifiers of what it signed: retired ones too, evidence outlives its key."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keys.interface import KeyStore, PublicKey
    from keys.jws import Resolve, Signer


def own_resolver(store: "KeyStore") -> "Resolve":
    """For `jws.verify`: the raw public half of a statement key of this node."""
    found = {(key.alg, key.kid): raw_from_key(key) for key in store.public() if key.use == "sig"}
    return lambda alg, kid: found.get((alg, kid))


def raw_from_key(key: "PublicKey") -> bytes:
    """Raw public bytes."""
    from keys.jwk import public_from_jwk

    return public_from_jwk(dict(key.jwk), encapsulate=False, use=key.use).raw


def statement_signers(store: "KeyStore", at: int) -> "tuple[Signer, ...]":
    """Live statement keys of a store. Raises `unavailable`, naming the next step."""
    from gateway.errors import Problem
    from keys.errors import UnknownKey
    from keys.jws import signers_from_store

    try:
        return signers_from_store(store, at=at)
    except UnknownKey:
        raise Problem("unavailable", hint="no live signing key there: carepact keys list") from None
