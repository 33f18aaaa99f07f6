"""`carepact exchange pull`: ask a node as a registered health system, through the SDK, like anybody else."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gateway.cli.act import write_file
from gateway.cli.options import AsOption, JsonOption, PatientOption, identifier_from_text
from gateway.cli.output import emit_json, emit_rows, say, warn
from gateway.errors import Exit, Problem, RefusedToStart

if TYPE_CHECKING:
    from gateway.client.answer import Answer
    from gateway.client.session import Registration
    from keys.trust import TrustList

_COLUMNS = ("source", "state", "records", "verified", "as_of", "reason")


def pull(
    patient: PatientOption,
    purpose: Annotated[
        str | None, typer.Option(help="A v3 ActReason code. Default: TREAT, in an emergency ETREAT.")
    ] = None,
    role: Annotated[str | None, typer.Option(help="Role that the assertion states.")] = "doctor",
    practitioner: Annotated[str | None, typer.Option(help="Who asks: SYSTEM|VALUE of the user.")] = None,
    emergency: Annotated[
        str | None, typer.Option(help="Declare an emergency: why, 10 to 500 characters. Officers read it.")
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="The patient summary instead of everything.")
    ] = False,
    reach: Annotated[str, typer.Option(help="local, or federation: also the other members.")] = "local",
    out: Annotated[Path | None, typer.Option(help="Write the verified Bundle here, byte by byte.")] = None,
    url: Annotated[str | None, typer.Option(help="Public URL of the node.")] = None,
    client_id: Annotated[str | None, typer.Option(help="Client id that the node registered.")] = None,
    key: Annotated[Path | None, typer.Option(help="Private ES384 JWK of the client.")] = None,
    keys: Annotated[Path | None, typer.Option(help="Folder of its KEM key: answers come sealed.")] = None,
    kek: Annotated[str | None, typer.Option(help="KEK of that folder: file:PATH, env:NAME, …")] = None,
    member: Annotated[str | None, typer.Option(help="Member id of the node.")] = None,
    members: Annotated[Path | None, typer.Option(help="Members file with the node's keys; or:")] = None,
    root_sha256: Annotated[str | None, typer.Option(help="Fingerprint of the federation's root.")] = None,
    mirror: Annotated[str | None, typer.Option(help="Its list: URL or folder; else URL/directory.")] = None,
    scope: Annotated[str, typer.Option(help="SMART scopes to ask for.")] = "system/*.rs",
    as_node: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask for everything about a patient. In a sandbox its own client asks; else name --url and the rest.

    Exit 0 complete; 7 partial (what came is shown) or no source answered; 4 nothing available.
    """
    from gateway.cli.purpose import purpose_from_options

    identifier = identifier_from_text(patient)
    question = _Asked(identifier.system, identifier.value, _reach(reach), summary)
    if out is not None:
        _require_writable(out)
    given = (url, client_id, key, member, members or root_sha256)
    if all(given):
        registration = _registered(url, client_id, key, keys, kek, member, scope)
        trust = _trust(members, root_sha256, mirror or f"{str(url).rstrip('/')}/directory")
    elif any(given):
        raise Problem(
            "invalid", hint="give --url, --client-id, --key, --member, and --members or --root-sha256"
        )
    else:
        registration, trust = _of_sandbox(as_node)
    asked = purpose_from_options(identifier, purpose, role, practitioner, emergency)
    _show(_answer(registration, trust, asked, question), out, as_json)


@dataclass(frozen=True, slots=True)
class _Asked:
    system: str
    value: str
    reach: Literal["local", "federation"]
    summary: bool


def _reach(text: str) -> Literal["local", "federation"]:
    if text not in ("local", "federation"):
        raise Problem("invalid", expression="--reach", hint="local or federation")
    return "federation" if text == "federation" else "local"


def _answer(registration: "Registration", trust: "TrustList", purpose: Any, asked: _Asked) -> "Answer":
    """The verified answer; else the exit code that says what became of the question."""
    from gateway.client.errors import ClientError, NotReached, Refused, Unverified

    try:
        return asyncio.run(_ask(registration, trust, purpose, asked))
    except Refused as refused:
        warn(f"carepact: {refused}{_next(refused.category, registration.client_id)}")
        raise typer.Exit(_exit_of(refused.category)) from None
    except NotReached as failed:
        warn(f"carepact: {failed}: is it running? carepact sandbox status, or carepact serve")
        raise typer.Exit(Exit.PARTIAL) from None
    except Unverified as failed:
        warn(f"carepact: {failed}: nothing of it is shown")
        raise typer.Exit(Exit.BAD_PROOF) from None
    except ClientError as failed:
        warn(f"carepact: {failed}")
        raise typer.Exit(Exit.FAILED) from None


async def _ask(registration: "Registration", trust: "TrustList", purpose: Any, asked: "_Asked") -> "Answer":
    from gateway.client.session import CarepactClient

    async with CarepactClient(
        registration, purpose, lambda: trust, entropy=os.urandom, deadline=60
    ) as client:
        if asked.reach == "federation" and not asked.summary:
            return await client.everything_of(asked.system, asked.value, accept_partial=True)
        found = await client.find_patients(asked.system, asked.value, accept_partial=True)
        ids = [r["id"] for r in found.resources if r["resourceType"] == "Patient"]
        if not ids:
            return found
        ask = client.summary if asked.summary else client.everything
        return await ask(ids[0], accept_partial=True, reach=asked.reach)


def _show(answer: "Answer", out: Path | None, as_json: bool) -> None:
    rows = [
        {
            "source": f"{row['org']}/{row['source']}" if "source" in row else row["org"],
            "state": row["state"],
            "records": sum(row.get("counts", {}).values()),
            "verified": _verified(row, answer),
            "as_of": _time(row.get("as_of")),
            "reason": row.get("reason") or ", ".join(row.get("incomplete", ())),
        }
        for row in answer.sources
    ]
    if out is not None:
        write_file(out, answer.raw, "--out")
    if as_json:
        counts = answer.counts()
        emit_json(
            {"exchange": answer.exchange, "complete": answer.complete, "resources": counts, "sources": rows}
        )
    else:
        emit_rows(rows, _COLUMNS, as_json=False, empty="")
        told = ", ".join(f"{kind} {count}" for kind, count in answer.counts().items())
        say(f"\nexchange {answer.exchange[:12]}: {told or 'nothing available'}")
    if not answer.complete:
        warn("carepact: partial: some source did not answer; absence here says nothing")
        raise typer.Exit(Exit.PARTIAL)
    if not answer.resources:
        raise typer.Exit(Exit.NOT_AVAILABLE)


def _verified(row: dict[str, Any], answer: "Answer") -> str:
    """How what a source sent was verified; nothing was, where it sent nothing."""
    if row["state"] != "answered":
        return ""
    return "end to end" if answer.evidence else "statement only"


def _require_writable(out: Path) -> None:
    """Before anything is asked: an answer that cannot be kept would be a disclosure for nothing."""
    folder = out.parent
    place = out if out.exists() else folder
    if out.is_dir() or not folder.is_dir() or not os.access(place, os.W_OK):
        raise Problem("invalid", expression="--out", hint="this file cannot be written; nothing was asked")


def _time(seconds: int | None) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else ""


_NEXT = {
    "invalid_request": "--purpose, --role or --scope is not of its form: carepact exchange pull --help",
    "unauthorized_client": "what this client may name: carepact client show {}",
    "invalid_client": "whether it is enabled, and its keys: carepact client show {}",
    "invalid_scope": "what this client may ask for: carepact client show {}",
}


def _next(category: str, client: str) -> str:
    hint = _NEXT.get(category)
    return f"; {hint.format(client)}" if hint else ""


def _exit_of(category: str) -> int:
    from gateway.errors import CATEGORIES

    if category in ("invalid_request", "unsupported_grant_type"):
        return Exit.USAGE

    if category in ("invalid_client", "invalid_scope", "unauthorized_client"):
        return Exit.DENIED
    return CATEGORIES[category].exit if category in CATEGORIES else Exit.FAILED


def _of_sandbox(as_node: str | None) -> tuple["Registration", "TrustList"]:
    from gateway.directory.members import MembersFile
    from gateway.sandbox.founding import Places, registration_of
    from gateway.sandbox.state import default_folder, read

    state = read(default_folder())
    if state is None or (as_node is not None and as_node not in state.nodes):
        raise RefusedToStart("no such sandbox: carepact sandbox up, or give --url and the rest")
    process = state.process("greenfield")
    places = Places(state.folder)
    return registration_of(places, process.url if process else ""), MembersFile(places.members).current.trust


def _registered(
    url: Any,
    client_id: Any,
    key: Any,
    keys: Path | None,
    kek: str | None,
    member: Any,
    scope: str,
) -> "Registration":
    import json

    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey

    from gateway.client.session import Registration
    from keys.errors import KeyFault
    from keys.store.file import FileKeyStore
    from keys.store.wrapper import wrapper_from

    try:
        signing = ECKey.import_key(json.loads(key.read_text("utf-8")))
        store = FileKeyStore(keys, wrapper_from(kek or f"file:{keys.parent / 'kek'}")) if keys else None
    except (OSError, ValueError, JoseError):
        raise Problem("invalid", expression="--key", hint="a private ES384 JWK as JSON") from None
    except KeyFault as refused:
        raise Problem("invalid", hint=str(refused)) from None
    return Registration(url, member, client_id, signing, str(signing.kid), scope, store)


def _trust(members: Path | None, root_sha256: str | None, mirror: str) -> "TrustList":
    from gateway.bootstrap import system_clock
    from gateway.cli.exchange_trust import trust_from_file, trust_from_mirror

    if members is not None:
        return trust_from_file(members)
    return trust_from_mirror(mirror, root_sha256 or "", int(system_clock().timestamp()))
