"""`carepact agreement sign | suspend | resume | terminate`: one signed statement each."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.act import act_now, decline, operator, write_file
from gateway.cli.options import AsOption, ConfigOption, DryRunOption, JsonOption, ReasonOption, with_node
from gateway.cli.output import emit_json, say, warn
from gateway.errors import Exit, Problem

if TYPE_CHECKING:
    from consent.interface import StoredStatement
    from gateway.bootstrap import Runtime
    from keys.interface import KeyStore

OrgOption = Annotated[str | None, typer.Option(help="Who makes the statement; default: this node.")]
KeysOption = Annotated[
    Path | None, typer.Option(help="Key folder of that organisation; default: this node's keys.")
]
KekOption = Annotated[str | None, typer.Option(help="Its KEK: file:PATH, env:NAME or passphrase:NAME.")]
ByOption = Annotated[str | None, typer.Option(help="Person or office that signs; default: your account.")]
VersionOption = Annotated[int | None, typer.Option(help="Default: the newest.")]
OutOption = Annotated[Path | None, typer.Option(help="Write the exact bytes here, - for stdout.")]

_PLAIN = {
    "sign": (
        "Sign a version for an organisation. --out gives the statement to send on.",
        "carepact agreement sign D1 --by 'Caldicott Guardian' --reason 'board 12 May'",
    ),
    "suspend": ("Stop the flow, alone and at once.", "carepact agreement suspend D1 --reason 'incident 7'"),
    "resume": (
        "Take a suspension back. It flows again once every signatory did.",
        "carepact agreement resume D1 --reason 'incident 7 closed'",
    ),
}


@dataclass(frozen=True, slots=True)
class _Statement:
    """What is stated by whom, and with which keys."""

    action: str
    id: str
    version: int | None
    org: str | None
    keys: Path | None
    kek: str | None
    by: str | None
    effective: str | None = None
    dry_run: bool = False


def register(app: typer.Typer) -> None:
    """Add the four commands."""
    for action, (said, example) in _PLAIN.items():
        app.command(action, help=said, epilog=f"Example: {example}")(_plain(action))
    example = "carepact agreement terminate D1 --effective 2027-01-01 --reason 'merger'"
    app.command("terminate", epilog=f"Example: {example}")(terminate)


def _plain(action: str):  # type: ignore[no-untyped-def]  # typer reads the signature of the inner function
    def run(
        id: str,
        reason: ReasonOption,
        org: OrgOption = None,
        keys: KeysOption = None,
        kek: KekOption = None,
        by: ByOption = None,
        version: VersionOption = None,
        out: OutOption = None,
        dry_run: DryRunOption = False,
        as_json: JsonOption = False,
        config: ConfigOption = None,
        as_node: AsOption = None,
    ) -> None:
        said = _Statement(action, id, version, org, keys, kek, by, dry_run=dry_run)
        _run(said, reason, out, as_json, config, as_node)

    return run


def terminate(
    id: str,
    reason: ReasonOption,
    effective: Annotated[str | None, typer.Option(help="Date from which it ends; default: now.")] = None,
    org: OrgOption = None,
    keys: KeysOption = None,
    kek: KekOption = None,
    by: ByOption = None,
    version: VersionOption = None,
    out: OutOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """End an agreement, for good; one side is enough."""
    said = _Statement("terminate", id, version, org, keys, kek, by, effective, dry_run)
    _run(said, reason, out, as_json, config, as_node)


def _run(
    said: _Statement,
    reason: str,
    out: Path | None,
    as_json: bool,
    config: Path | None,
    as_node: str | None,
) -> None:
    async def act(node: "Runtime") -> "tuple[StoredStatement, tuple[str, ...]]":
        made = await _stated(node, said, reason)
        waits = made.action == "resume" and not said.dry_run
        return made, await _awaited(node, made) if waits else ()

    stored, awaited = with_node(config, as_node, act)
    if out is not None and not said.dry_run:
        write_file(out, stored.jws, "--out")
    if str(out) != "-" or said.dry_run:
        told_statement(stored, as_json, dry_run=said.dry_run)
    if awaited:
        warn(f"carepact: it stays suspended until {', '.join(awaited)} resumes too, whoever suspended it")


async def _stated(node: "Runtime", said: _Statement, reason: str) -> "StoredStatement":
    from gateway.cli.own_keys import statement_signers
    from gateway.exchange.agreements import Agreements

    act = act_now(node, reason)
    org = said.org or node.settings.node.id
    await _require_party(node, said, org)
    signers = statement_signers(_keys(node, said), int(act.at.timestamp()))
    with refusing():
        return await Agreements(node.node).state(
            (said.id, said.version),
            signers,
            act,
            action=said.action,
            org=org,
            by=said.by or operator(),
            effective=_seconds(said.effective),
            dry_run=said.dry_run,
        )


async def _awaited(node: "Runtime", made: "StoredStatement") -> tuple[str, ...]:
    """Signatories whose resumption is still missing once this one counts."""
    from consent.agreement import agreement_from_stored
    from consent.instants import micros
    from gateway.exchange.agreements import Agreements

    known = max(node.clock(), made.at)  # a resumption may be dated a second ahead of the clock
    held = await Agreements(node.node).get(made.agreement, made.version, at=known)
    agreement, at = agreement_from_stored(held), micros(made.at)
    if not agreement.standing(at).suspended:
        return ()
    stops = max(one.at for one in agreement.statements if one.action == "suspend")
    resumed = {one.org for one in agreement.statements if one.action == "resume" and one.at > stops}
    return tuple(sorted(agreement.standing(at).signed - resumed))


async def _require_party(node: "Runtime", said: _Statement, org: str) -> None:
    """What a stranger states counts for nothing: it is never made."""
    from consent.agreement import agreement_from_bytes
    from gateway.exchange.agreements import Agreements

    held = await Agreements(node.node).get(said.id, said.version, at=node.clock())
    agreement = agreement_from_bytes(held.document)
    parties = sorted(agreement.providers | agreement.recipients)
    if org not in parties:
        decline(
            Exit.BAD_PROOF,
            f"{org} is no party of {agreement.ref} ({', '.join(parties)}): "
            "state it for one of them with --org … --keys … --kek …, or take in its statement: "
            "carepact agreement statement FILE --reason …",
        )


def _keys(node: "Runtime", said: _Statement) -> "KeyStore":
    """The keys that sign: this node's, or those of a folder, which is opened and never made."""
    if said.keys is None:
        return node.keys
    if said.kek is None:
        raise Problem("invalid", expression="--kek", hint="name the KEK of that key folder")
    if not said.keys.is_dir():
        raise Problem("invalid", expression="--keys", hint="no such folder")
    from keys.errors import KeyFault
    from keys.store.file import FileKeyStore
    from keys.store.wrapper import wrapper_from

    try:
        return FileKeyStore(said.keys, wrapper_from(said.kek, entropy=node.entropy), node.entropy)
    except KeyFault as fault:
        raise Problem("invalid", expression="--keys", hint=str(fault)) from None


def _seconds(date: str | None) -> int | None:
    from consent.instants import interval

    if date is None:
        return None
    found = interval(date)
    if found is None or found[0] < 0:
        raise Problem("invalid", expression="--effective", hint="use a date like 2027-01-01")
    return found[0] // 1_000_000


REFUSED = {
    "issuer": "no live key of that organisation in the members list signed it",
    "claims": "it is not about the bytes that are kept, its organisation is no party, or its time is ahead",
}


@contextmanager
def refusing() -> Iterator[None]:
    """A statement that does not verify is told with what to look at."""
    from keys.errors import StatementRefused

    try:
        yield
    except StatementRefused as refused:
        why = REFUSED.get(refused.reason, f"it does not verify ({refused.reason})")
        decline(Exit.BAD_PROOF, f"the statement is refused: {why}")


def told_statement(stored: "StoredStatement", as_json: bool, *, dry_run: bool = False) -> None:
    """What was stored, and where to look next."""
    row = {
        "id": stored.agreement,
        "version": stored.version,
        "org": stored.org,
        "action": stored.action,
        "at": stored.at.isoformat(),
        "effective": stored.effective.isoformat() if stored.effective else None,
    }
    if as_json:
        emit_json(row | {"dry_run": dry_run})
        return
    said = "would be" if dry_run else "is"
    say(f"agreement {stored.agreement} version {stored.version}: {stored.action} by {stored.org} {said} kept")
    if dry_run:
        say("dry run: nothing was stored, nothing was written")
    else:
        say(f"its status: carepact agreement show {stored.agreement}")
