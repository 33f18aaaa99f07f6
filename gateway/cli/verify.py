"""`carepact verify FILE`: a receipt, checked without a network and without a node (trust-and-ledger.md 13).

1. Pin: `--root` is the `1.root.json` of a federation, a members file, or one member's record; without it what
the file brings is believed and `UNPINNED` is said. 2. The trust material is walked from there. 3. and 4. are
`keys.receipt`. Exit 0 verified, 5 contradiction, 6 bad signature or proof, 2 unreadable.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import decline, instant_from_seconds, read_file
from gateway.cli.noun import noun
from gateway.cli.options import JsonOption
from gateway.cli.output import emit_json, say, warn
from gateway.errors import Exit, Problem

if TYPE_CHECKING:
    from keys.member import Member
    from keys.receipt import Receipt, Told

MAX_FILE = 256 * 1024 * 1024

app = noun("Verify a patient's receipt, offline.", "Example: carepact verify receipt.json --root 1.root.json")


@app.command(epilog="Example: carepact verify receipt.json --root north.member.json")
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The receipt, - for stdin.")],
    root: Annotated[Path | None, typer.Option(help="What is pinned; without it: UNPINNED.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Who saw what of one patient, by proofs alone. No network and no node are needed."""
    from keys.receipt import ReceiptRefused, receipt_from_bytes, verify_receipt
    from keys.syntax import SyntaxRefused

    try:
        held = receipt_from_bytes(read_file(file, "FILE", limit=MAX_FILE))
    except SyntaxRefused:
        raise Problem("malformed", expression="FILE", hint="not a receipt of this version") from None
    pin = read_file(root, "--root") if root is not None else None
    member, pinned = _signer(held, pin)
    try:
        told = verify_receipt(held, _resolver(member, held.at), _log_keys(member))
    except ReceiptRefused as refused:
        decline(Exit.BAD_PROOF if refused.proof else Exit.CONFLICT, f"does not hold: {refused}")
    if as_json:
        emit_json(_json(held, told, pinned))
    else:
        _say(held, told)
    if not pinned:
        warn("carepact: UNPINNED: the keys came with the file; name what you pinned with --root")


def _signer(held: "Receipt", pin: bytes | None) -> "tuple[Member, bool]":
    """The record of the node that issued it, from pinned material (1, 2). Else ends with exit 6."""
    from keys.errors import KeyRefused, TrustRefused

    try:
        member = _member(held, pin)
    except (KeyRefused, TrustRefused) as refused:
        decline(Exit.BAD_PROOF, f"the trust material does not hold: {refused}")
    if member is None:
        decline(Exit.BAD_PROOF, "whoever issued this is not in what was pinned")
    return member, pin is not None


def _member(held: "Receipt", pin: bytes | None) -> "Member | None":
    from keys.errors import KeyRefused
    from keys.member import member_from_json
    from keys.syntax import SyntaxRefused, parse_object, unb64u
    from keys.trust import trust_list_from_json

    federation = held.trust.get("federation")
    if isinstance(federation, Mapping):
        try:
            files = {str(path): unb64u(text) for path, text in federation.items()}
        except SyntaxRefused:
            raise KeyRefused("not files") from None
        return _from_federation(held.me, files, pin)
    if pin is None:
        return member_from_json(held.trust.get("member"), str(held.trust.get("id")))
    try:
        pinned = parse_object(pin, lines=True)
    except SyntaxRefused:
        raise KeyRefused("what is pinned is neither a members file nor a member record") from None
    if "members" in pinned:
        return trust_list_from_json(pin).member(held.me)
    found = member_from_json(pinned, str(held.trust.get("id")))
    return found if found.id == held.me else None


def _from_federation(me: str, files: Mapping[str, bytes], pin: bytes | None) -> "Member | None":
    """Walk from the pinned root; what has expired since was in force when the receipt was made."""
    import hashlib

    from keys.federation.advance import begin
    from keys.federation.repository import advance_over

    first = files.get("metadata/1.root.json", b"")
    state = begin(first, hashlib.sha256(pin if pin is not None else first).hexdigest())
    return advance_over(files, state, None).trust.member(me)


def _resolver(member: "Member", at: int) -> Any:
    """Keys by which the node may have signed at that time; a revoked one never."""

    def resolve(alg: str, kid: str) -> bytes | None:
        key = member.key(kid)
        held = key is not None and (key.alg, key.use) == (alg, "sig") and key.nbf <= at < key.exp
        return key.raw if key is not None and held else None

    return resolve


def _log_keys(member: "Member") -> Any:
    from keys.errors import ProofRefused
    from keys.note import key_from_vkey

    try:
        return [key_from_vkey(vkey) for vkey in member.log_vkeys]
    except ProofRefused:
        decline(Exit.BAD_PROOF, "the node's log key in the trust material is none")


def _json(held: "Receipt", told: "tuple[Told, ...]", pinned: bool) -> dict[str, Any]:
    rows = [
        {"leaf": line.index, "at": instant_from_seconds(line.leaf.at), "kind": line.leaf.kind,
         "peer": line.leaf.peer, "detail": line.detail}
        for line in told
    ]  # fmt: skip
    return {
        "verified": True,
        "pinned": pinned,
        "issued_by": held.me,
        "at": instant_from_seconds(held.at),
        "leaves": rows,
    }


def _say(held: "Receipt", told: "tuple[Told, ...]") -> None:
    say(f"issued by {held.me} on {instant_from_seconds(held.at)}; {len(told)} entries, all proven\n")
    for line in told:
        detail = line.detail
        who = detail.get("practitioner") or line.leaf.peer or detail.get("by") or "this node"
        what = detail.get("operation") or detail.get("view") or detail.get("action") or ""
        why = ", ".join(text for text in (detail.get("purpose"), detail.get("reason")) if text)
        said = " ".join(str(text) for text in (line.leaf.kind, what) if text)
        say(f"{instant_from_seconds(line.leaf.at)}  {said}  by {who}" + (f"  ({why})" if why else ""))
    say("\nnot proven: that nothing was disclosed outside the gateway, or after the last entry")
