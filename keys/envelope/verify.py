"""Steps 3 and 5 to 7 of opening (envelope.md 6): my stanza, and the manifest under local keys."""

from collections.abc import Sequence

from keys import jws
from keys.algorithms import Suite
from keys.envelope.framing import CEK, Frame, cek_info, kids
from keys.envelope.manifest import Manifest, digest, manifest_from_claims
from keys.envelope.recipient import KemKey
from keys.errors import EnvelopeRefused, StatementRefused, UnknownKey
from keys.trust import TrustList


def unwrap_cek(frame: Frame, keys: Sequence[KemKey]) -> tuple[KemKey, bytes]:
    """Step 3: the one stanza that is for a key of mine, and its CEK. Refuses `key`, `stanza`."""
    named = kids(frame.stanzas)
    hits = [
        (stanza, key)
        for stanza, kid in zip(frame.stanzas, named, strict=True)
        for key in keys
        if (key.kid, key.alg) == (kid, frame.suite.kem)
    ]
    if len(set(named)) != len(named) or len(hits) != 1:
        raise EnvelopeRefused("key")
    stanza, key = hits[0]
    try:
        cek = key.open(stanza.sealed, cek_info(frame.suite.number, stanza.kid, frame.ph))
    except UnknownKey:
        raise EnvelopeRefused("stanza") from None
    if len(cek) != CEK:
        raise EnvelopeRefused("stanza")
    return key, cek


def verify_manifest(signed: bytes, suite: Suite, trust: TrustList) -> tuple[Manifest, bytes]:
    """Steps 5 to 7, and again at the commit, and of kept evidence: the manifest and its digest `md`.

    Refuses `syntax claims issuer suite signature`.
    """
    try:
        unchecked = jws.parse(signed, jws.MANIFEST)
    except StatementRefused:
        raise EnvelopeRefused("syntax") from None
    manifest = manifest_from_claims(unchecked.claims)
    issuer = trust.member(manifest.iss)
    if issuer is None:
        raise EnvelopeRefused("issuer")
    if suite.number not in trust.suites or suite.number not in issuer.suites:
        raise EnvelopeRefused("suite")
    if suite.number < issuer.min_suite:
        raise EnvelopeRefused("suite")
    try:
        jws.require_algorithms(unchecked, suite.signatures)
        keys = jws.resolve_keys(unchecked, trust.resolver(manifest.iss, manifest.iat))
        jws.check(unchecked, keys)
    except StatementRefused as refused:
        raise EnvelopeRefused("issuer" if refused.reason == "issuer" else "signature") from None
    return manifest, digest(unchecked.payload)
