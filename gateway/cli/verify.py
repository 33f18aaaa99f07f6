"""`carepact verify FILE`: evidence, checked without a network and without a node (trust-and-ledger.md 13).

| FILE | what holds then |
|---|---|
| receipt | who saw what of one patient |
| statement (completeness, decision, reconciliation) | its signer said exactly this |
| manifest, with `--blind` and `--content` | its signer sent exactly these bytes |
| `c2sp.org/tlog-proof@v1` | a leaf is in a member's log |
| fork | a member signed two histories (exit 5) |
| join file | whoever asks to join holds every key in it |

`--root` is the `1.root.json` of a federation, a members file, or one member's record; without it what the
file brings is believed and `UNPINNED` is said, with its fingerprint. `--trust` is a folder with the
federation's files, for what brings none.

Exit 0 verified, 5 contradiction, 6 bad signature or proof, 2 unreadable.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import read_file
from gateway.cli.noun import noun
from gateway.cli.options import JsonOption
from gateway.cli.output import emit_json, say, warn
from gateway.errors import Exit, Problem

if TYPE_CHECKING:
    from gateway.cli.verify_evidence import Said
    from gateway.cli.verify_trust import Trusted

MAX_FILE = 256 * 1024 * 1024

app = noun("Verify evidence, offline.", "Example: carepact verify receipt.json --root 1.root.json")


@app.command(epilog="Example: carepact verify receipt.json --root north.member.json")
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What is to be verified, - for stdin.")],
    root: Annotated[Path | None, typer.Option(help="What is pinned; without it: UNPINNED.")] = None,
    trust: Annotated[Path | None, typer.Option(help="Folder of a federation's files.")] = None,
    blind: Annotated[str | None, typer.Option(help="Of a manifest: the blind, hexadecimal.")] = None,
    content: Annotated[Path | None, typer.Option(help="Of a manifest: the content as it was sent.")] = None,
    as_json: JsonOption = False,
) -> None:
    """A receipt, statement, manifest, log proof, fork or join file, by proofs alone. No network, no node."""
    data = read_file(file, "FILE", limit=MAX_FILE)
    pin = read_file(root, "--root") if root is not None else None
    said, lines, trusted = _verified(data, pin, trust, blind, content)
    pinned = trusted.pinned if trusted is not None else pin is not None
    if as_json:
        emit_json({"verified": True, "pinned": pinned} | said)
    else:
        for line in lines:
            say(line)
    if not pinned:
        told = f" ({trusted.fingerprint})" if trusted is not None and trusted.fingerprint else ""
        warn(f"carepact: UNPINNED: the keys came with the file{told}; name what you pinned with --root")
    if said["kind"] == "fork":
        raise typer.Exit(int(Exit.CONFLICT))


def _verified(
    data: bytes, pin: bytes | None, folder: Path | None, blind: str | None, content: Path | None
) -> "tuple[dict[str, Any], list[str], Trusted | None]":
    from gateway.cli import verify_evidence
    from gateway.cli.verify_trust import trusted
    from keys.errors import ProofRefused, StatementRefused
    from keys.syntax import SyntaxRefused, parse_object
    from keys.tlog_proof import FIRST, tlog_proof_from_bytes

    try:
        if data.startswith(FIRST):
            by = trusted({}, pin, folder)
            return *verify_evidence.tlog_proof(tlog_proof_from_bytes(data), by), by
        held = parse_object(data.rstrip(b"\n"), lines=True)
        if "chains" in held or held.get("kind") == "fork":
            by = trusted(held["trust"] if isinstance(held.get("trust"), dict) else {}, pin, folder)
            return *_with_material(data, held, by), by
        if "payload" in held:
            by = trusted({}, pin, folder)
            return *_signed(data, held, by, blind, content), by
        if {"federation", "keys", "files"} <= held.keys():
            return *verify_evidence.joining(data, pin), None
    except (SyntaxRefused, ProofRefused, StatementRefused, KeyError):
        pass
    raise Problem("malformed", expression="FILE", hint="not evidence of this version")


def _with_material(data: bytes, held: dict[str, Any], by: "Trusted") -> "Said":
    from gateway.cli import verify_evidence, verify_receipt
    from keys.forks import forks_from_bytes
    from keys.receipt import receipt_from_bytes

    if held.get("kind") == "fork":
        return verify_evidence.forks(forks_from_bytes(data), by)
    return verify_receipt.verified(receipt_from_bytes(data), by)


def _signed(
    data: bytes, held: dict[str, Any], by: "Trusted", blind: str | None, content: Path | None
) -> "Said":
    from gateway.cli import verify_evidence
    from keys import jws
    from keys.syntax import parse_object, require_list, require_members, unb64u

    data = data.rstrip(b"\n")
    first = require_list(held.get("signatures"), 1, jws.MAX_SIGNATURES)[0]
    protected = require_members(first, frozenset(("protected", "signature")))["protected"]
    typ = str(parse_object(unb64u(protected)).get("typ"))
    if typ == jws.MANIFEST:
        return verify_evidence.manifest(data, by, blind, content)
    return verify_evidence.statement(data, typ, by)
