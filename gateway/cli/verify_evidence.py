"""What is verified beside receipts: statements, kept evidence, log proofs, forks, join files (section 13)."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.cli.act import decline, instant_from_seconds, read_file
from gateway.errors import Exit, Problem

if TYPE_CHECKING:
    from gateway.cli.verify_trust import Trusted
    from keys.forks import Forks
    from keys.jws import Unchecked
    from keys.tlog_proof import TlogProof

Said = tuple[dict[str, Any], list[str]]


def statement(data: bytes, typ: str, trusted: "Trusted") -> Said:
    """A completeness, decision, reconciliation or erasure statement, by keys in force at its time."""
    from keys import jws
    from keys.errors import StatementRefused

    unchecked = jws.parse(data, typ)
    signer, at = _signer(unchecked, trusted), _time(unchecked)
    try:
        jws.verify(data, typ, trusted.resolver(signer, at))
    except StatementRefused as refused:
        decline(Exit.BAD_PROOF, f"does not hold: {refused.reason}")
    judged = f"keys judged as of {instant_from_seconds(at)}, by its own word"
    word = typ.removeprefix("carepact-").removesuffix("+json")
    claims = dict(unchecked.claims)
    lines = [f"{word} statement of {signer}", judged, *(f"{k}: {v}" for k, v in sorted(claims.items()))]
    return {"kind": word, "signed_by": signer, "judged": judged, "claims": claims}, lines


def _signer(unchecked: "Unchecked", trusted: "Trusted") -> str:
    """The member whose key the first signature names; a statement need not name itself."""
    owner = trusted.trust.owner(unchecked.signatures[0].kid)
    named = unchecked.claims.get("iss", unchecked.claims.get("me", owner))
    if owner is None or named != owner:
        decline(Exit.BAD_PROOF, "whoever signed this is not in what was pinned")
    return owner


def _time(unchecked: "Unchecked") -> int:
    at = unchecked.claims.get("at", unchecked.claims.get("iat"))
    if type(at) is not int:
        raise Problem("malformed", expression="FILE", hint="a statement without a time")
    return at


def manifest(data: bytes, trusted: "Trusted", blind: str | None, content: Path | None) -> Said:
    """Kept evidence: the signed manifest, and with `--blind` and `--content` what it was about."""
    from keys import jws
    from keys.algorithms import STATEMENT_SIGNATURES
    from keys.envelope.evidence import content_matches
    from keys.envelope.manifest import digest, manifest_from_claims
    from keys.errors import EnvelopeRefused, StatementRefused

    unchecked = jws.parse(data, jws.MANIFEST)
    try:
        held = manifest_from_claims(unchecked.claims)
        algorithms = tuple(one.alg for one in unchecked.signatures)
        if algorithms not in (STATEMENT_SIGNATURES, STATEMENT_SIGNATURES[:1]):
            raise StatementRefused("algorithm")
        jws.verify(data, jws.MANIFEST, trusted.resolver(held.iss, held.iat), algorithms)
    except (StatementRefused, EnvelopeRefused) as refused:
        decline(Exit.BAD_PROOF, f"does not hold: {refused.reason}")
    about = "its content was not looked at: name --blind and --content"
    if blind is not None and content is not None:
        if not content_matches(held, _hex(blind), read_file(content, "--content", limit=1 << 28)):
            decline(Exit.CONFLICT, "the manifest is about another content")
        about = "the content is the one that was signed"
    judged = f"keys judged as of {instant_from_seconds(held.iat)}, by its own word"
    md = digest(unchecked.payload).hex()
    lines = [f"manifest of {held.iss} to {', '.join(held.aud)}, {held.kind}", judged, about, f"md: {md}"]
    said = {"kind": "manifest", "signed_by": held.iss, "judged": judged, "content": about, "md": md}
    return said, lines


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Problem("invalid", expression="--blind", hint="64 hexadecimal digits") from None


def tlog_proof(held: "TlogProof", trusted: "Trusted") -> Said:
    """That the leaf in `extra` is in the log of the member that it names."""
    from keys.errors import ProofRefused
    from keys.leaf import leaf_from_bytes
    from keys.ledger import leaf_hash, verify_inclusion
    from keys.note import checkpoint_from_note, parse_note, verify_checkpoint

    try:
        leaf = leaf_from_bytes(held.extra)
        origins, keys = trusted.logs(trusted.member(leaf.me).id)
        origin = checkpoint_from_note(parse_note(held.checkpoint)).origin
        if origin not in origins:
            raise ProofRefused("a checkpoint of another log")
        signed = verify_checkpoint(held.checkpoint, origin, keys)
        verify_inclusion(held.index, signed.size, leaf_hash(held.extra), held.proof, signed.root)
    except ProofRefused as refused:
        decline(Exit.BAD_PROOF, f"does not hold: {refused}")
    witnessed, witnesses = trusted.attested(held.checkpoint, leaf.me)
    seen = (
        f"seen by {', '.join(witnesses)} at {instant_from_seconds(witnessed)}" if witnesses else "no witness"
    )
    at = instant_from_seconds(leaf.at)
    lines = [f"leaf {held.index} of {origin}: {leaf.kind} at {at} with {leaf.peer or 'nobody'}", seen]
    said = {"kind": "tlog-proof", "origin": origin, "index": held.index, "leaf": leaf.kind, "at": at,
            "peer": leaf.peer, "witnesses": list(witnesses)}  # fmt: skip
    return said, lines


def forks(held: "Forks", trusted: "Trusted") -> Said:
    """Exit 5 where it holds: it is the proof of a contradiction."""
    from keys.errors import ProofRefused
    from keys.forks import verify_forks

    trusted.member(held.peer)
    origins, keys = trusted.logs(held.peer)
    try:
        found = verify_forks(held, origins, keys)
    except ProofRefused as refused:
        decline(Exit.BAD_PROOF, f"does not hold: {refused}")
    lines = [f"FORK: {one.origin} signed two histories of {one.size} leaves" for one in found]
    sizes = [{"origin": one.origin, "size": one.size} for one in found]
    return {"kind": "fork", "peer": held.peer, "forks": sizes}, lines


def joining(data: bytes, pin: bytes | None) -> Said:
    """A join file: signed by every key that it brings, for the federation whose root is pinned."""
    from gateway.directory.interface import DirectoryRefused
    from gateway.directory.joining import joining_from_bytes
    from keys.federation.documents import Federation
    from keys.syntax import parse_object

    held = parse_object(data.rstrip(b"\n"), lines=True)
    federation, root = str(held["federation"]), str(held["root"])
    pinned = hashlib.sha256(pin).hexdigest() if pin is not None else root
    try:
        found = joining_from_bytes(data, Federation(federation, "-"), pinned)
    except DirectoryRefused as refused:
        decline(Exit.BAD_PROOF, f"does not hold: {refused}")
    fingerprint = hashlib.sha256(data).hexdigest()
    at = instant_from_seconds(found.at) if found.at else "no statement: an update"
    lines = [f"{found.id} asks to join {federation}", f"signed {at}", f"fingerprint: {fingerprint}"]
    return {"kind": "join", "member": found.id, "federation": federation, "fingerprint": fingerprint}, lines
