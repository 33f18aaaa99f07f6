"""`carepact envelope`: seal, open and inspect files, with keys and members from files (envelope.md 12).

Nothing here touches a node or its keys: for tests, for another implementation, for evidence of long ago.
"""

from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.act import decline, read_file
from gateway.cli.noun import noun
from gateway.cli.options import JsonOption
from gateway.cli.output import emit_json, say
from gateway.errors import Exit, Problem

_EXAMPLES = """Examples:

\b
  carepact envelope inspect answer.cpx
  carepact envelope seal request.json --me a.example --to b.example --kind request \\
      --keys keys.json --trust trust.json --purpose TREAT --agreement direct-care@1 \\
      --reply-key reply.json --out request.cpx
  carepact envelope open request.cpx --me b.example --keys keys.json --trust trust.json

Keys and members come from files, never from a node: there nothing is sealed without its leaf."""

app = noun("Envelopes in files: seal, open, inspect.", _EXAMPLES)

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The envelope, - for stdin.")]
KeysOption = Annotated[Path, typer.Option(help="Seeds by address (JSON).")]
TrustOption = Annotated[Path, typer.Option(help="The members file.")]
NowOption = Annotated[int | None, typer.Option(help="POSIX seconds; else the clock, or the file's own line.")]


def _clock() -> int:
    from gateway.bootstrap import system_clock

    return int(system_clock().timestamp())


@app.command(epilog="Example: carepact envelope inspect answer.cpx --json")
def inspect(file: FileArgument, as_json: JsonOption = False) -> None:
    """What anybody may read: suite, recipients, expiry, length. No key is needed, and nothing is verified."""
    from gateway.cli.envelope_files import envelope_from_file, open_binary

    with closing(open_binary(file, "FILE")) as source:
        shown = _inspected(envelope_from_file(source))
    if as_json:
        emit_json(shown)
        return
    for name, value in shown.items():
        say(f"{name:<11} {', '.join(value) if isinstance(value, list) else value}")
    say("verified    nothing: carepact envelope open")


def _inspected(held: Any) -> dict[str, Any]:
    import hashlib

    from keys.algorithms import KNOWN_SUITES
    from keys.envelope.framing import FIXED, frame_from_bytes, frame_length, kids
    from keys.errors import EnvelopeRefused

    whole, head, length = hashlib.sha256(), b"", 0
    for piece in held.pieces:
        whole.update(piece)
        length += len(piece)
        if len(head) < 32 * 1024:
            head += piece[: 32 * 1024]
    try:
        if len(head) < FIXED:
            raise EnvelopeRefused("framing")
        end = frame_length(head[:FIXED], KNOWN_SUITES)
        if len(head) < end:
            raise EnvelopeRefused("framing")
        frame = frame_from_bytes(head[:end])
    except EnvelopeRefused as refused:
        decline(Exit.BAD_PROOF, f"not an envelope of this version: {refused.reason}")
    return {
        "suite": frame.suite.number,
        "kem": frame.suite.kem,
        "signatures": list(frame.suite.signatures),
        "to": list(frame.header.to),
        "kids": list(kids(frame.stanzas)),
        "mid": frame.header.mid,
        "exp": frame.header.exp,
        "bytes": length,
        "stream": length - end,
        "sha256": whole.hexdigest(),
    }


@app.command("open", epilog="Example: carepact envelope open request.cpx --me b.example --keys k --trust t")
def open_(
    file: FileArgument,
    trust: TrustOption,
    keys: Annotated[Path | None, typer.Option(help="Seeds by address (JSON).")] = None,
    me: Annotated[str | None, typer.Option(help="Whose key opens it.")] = None,
    now: NowOption = None,
    kind: Annotated[str | None, typer.Option(help="request, response or ack.")] = None,
    sender: Annotated[str | None, typer.Option("--from", help="Who was asked (response, ack).")] = None,
    request: Annotated[str | None, typer.Option(help="md of the request that is answered.")] = None,
    response: Annotated[str | None, typer.Option(help="MD:SHA256, base64url, of what an ack is for.")] = None,
    out: Annotated[Path, typer.Option(help="The content goes here, - for stdout.")] = Path("-"),
    notice: Annotated[bool, typer.Option(help="Accept a notice for many recipients.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Every check of an opening, then the content. With --json the verified manifest instead of it."""
    import os

    from gateway.cli.envelope_acts import Asked, opened
    from gateway.cli.envelope_files import envelope_from_file, open_binary, trust_from_file

    with closing(open_binary(file, "FILE")) as source:
        held = envelope_from_file(source)
        asked = Asked(me, keys, now, kind, sender, request, response, notice)
        done = opened(held, trust_from_file(read_file(trust, "--trust")), asked, _clock, os.urandom)
    if as_json:
        emit_json(done.claims)
    if not as_json or str(out) != "-":
        _write(out, done.content)


def _write(out: Path, content: Any) -> None:
    import sys

    if str(out) == "-":
        for piece in content.slices():
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    try:
        with out.open("wb") as file:
            for piece in content.slices():
                file.write(piece)
    except OSError:
        raise Problem("invalid", expression="--out", hint="this file cannot be written") from None


@app.command(epilog="Example: carepact envelope seal r.json --me a.example --to b.example --kind request …")
def seal(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The content, - for stdin.")],
    me: Annotated[str, typer.Option(help="Who signs.")],
    to: Annotated[list[str], typer.Option(help="Who opens it; repeat it for a notice.")],
    kind: Annotated[str, typer.Option(help="request, response or ack.")],
    keys: KeysOption,
    trust: TrustOption,
    out: Annotated[Path, typer.Option(help="The envelope goes here, - for stdout.")] = Path("-"),
    now: NowOption = None,
    life: Annotated[int, typer.Option(help="Seconds until it expires.")] = 300,
    suite: Annotated[int, typer.Option(help="Suite 3, 2, or 1 where it is on.")] = 3,
    purpose: Annotated[str, typer.Option(help="Purpose of use (request).")] = "TREAT",
    agreement: Annotated[str, typer.Option(help="Sharing agreement ID@VERSION (request).")] = "local@0",
    request: Annotated[str | None, typer.Option(help="md of the request that is answered.")] = None,
    response: Annotated[str | None, typer.Option(help="MD:SHA256, base64url, of what an ack is for.")] = None,
    reply_key: Annotated[Path | None, typer.Option(help="request: keep the reply key's seed here.")] = None,
    reply_to: Annotated[Path | None, typer.Option(help="response: the request's rkey (JWK file).")] = None,
    content_type: Annotated[str | None, typer.Option("--type", help="Content type of a response.")] = None,
    zstd: Annotated[bool, typer.Option(help="Compress a response.")] = False,
) -> None:
    """Sign and seal a file. Its manifest digest is printed on stderr: an answer must name it."""
    import os

    from gateway.cli.envelope_acts import Given, sealed
    from gateway.cli.envelope_files import open_binary, seeds_from_file, trust_from_file, write_private
    from gateway.cli.output import warn

    at = now if now is not None else _clock()
    given = Given(
        me, tuple(to), kind, at, life, suite, purpose, agreement, request, response,
        content_type, zstd, read_file(reply_to, "--reply-to") if reply_to else None,
    )  # fmt: skip
    seeds = seeds_from_file(read_file(keys, "--keys"), me)
    with closing(open_binary(file, "FILE")) as source:
        done = sealed(source, given, seeds, trust_from_file(read_file(trust, "--trust")), os.urandom)
    if reply_key is not None and done.reply_key is not None:
        write_private(reply_key, done.reply_key, "--reply-key")
    _write(out, done)
    warn(f"md {done.md}")
