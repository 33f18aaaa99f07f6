"""`carepact client`: health systems that may ask, and for what at most (http-api.md 2)."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import act_now, decline, instant_from_seconds, read_file
from gateway.cli.client_keypair import DAY, keypair
from gateway.cli.noun import noun
from gateway.cli.options import AsOption, ConfigOption, JsonOption, ReasonOption, lines, with_node
from gateway.cli.organisation import NOBODY, is_known
from gateway.cli.output import emit_json, emit_rows, say
from gateway.errors import Exit, Problem

if TYPE_CHECKING:
    from gateway.authn.clients import Client
    from gateway.bootstrap import Runtime
    from keys.interface import PublicKey

_EXAMPLES = """Examples:

\b
  carepact client keypair ward
  carepact client add ward --org east.example --jwks ward/jwks.json \\
      --scope 'system/Patient.rs system/Observation.rs' --purpose TREAT --role doctor \\
      --enc-jwk ward/enc.jwk --reason 'contract 12'
  carepact client disable ward --reason 'laptop stolen'

A key file holds public keys only. Disabling a client ends its tokens at once.

Exit codes: 0 done, 2 not registrable, 4 no such client, 5 the id is taken."""

app = noun("Health systems that may ask.", _EXAMPLES)

_COLUMNS = ("id", "status", "organisation", "purposes", "roles", "sealed", "may", "scopes")
_MAY = ("emergency", "record-consent")

app.command(epilog="Example: carepact client keypair ward")(keypair)


@app.command(epilog="Example: see carepact client --help")
def add(
    id: str,
    org: Annotated[str, typer.Option(help="Organisation that the system works for.")],
    jwks: Annotated[Path, typer.Option(help="JWK Set of its public signature keys.")],
    scope: Annotated[list[str], typer.Option(help="SMART v2 system scope, like system/Patient.rs; repeat.")],
    purpose: Annotated[list[str], typer.Option(help="Purpose of use that it may name; repeat.")],
    reason: ReasonOption,
    role: Annotated[list[str] | None, typer.Option(help="Role that it may name; repeat.")] = None,
    may: Annotated[list[str] | None, typer.Option(help="emergency or record-consent; repeat.")] = None,
    reach: Annotated[str, typer.Option(help="local, or federation: may ask other members too.")] = "local",
    sealed: Annotated[
        str | None, typer.Option(help="offered, required or off; default: offered with --enc-jwk, else off.")
    ] = None,
    enc_jwk: Annotated[
        Path | None, typer.Option(help="Public key (HPKE-9-KE) that answers are sealed to.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Life of that key.")] = 365,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Register a health system."""
    if unknown := set(may or ()) - set(_MAY):
        raise Problem(
            "invalid", expression="--may", hint=f"{len(unknown)} of them is none of {', '.join(_MAY)}"
        )
    keys = read_file(jwks, "--jwks")
    enc = None if enc_jwk is None else read_file(enc_jwk, "--enc-jwk")

    async def act(node: "Runtime") -> "Client":
        from gateway.authn.clients import client_from_registration
        from gateway.authn.errors import ClientExists, RegistrationRefused
        from gateway.exchange.registrations import Registrations

        if not is_known(node, org):
            raise Problem("invalid", expression="--org", hint=NOBODY)
        try:
            client = client_from_registration(
                id,
                org,
                keys,
                scope,
                purpose,
                roles=role or (),
                reach=reach,
                may_declare_emergency="emergency" in (may or ()),
                may_record_consent="record-consent" in (may or ()),
                sealed=sealed or ("offered" if enc else "off"),
                enc=_enc_keys(enc, int(node.clock().timestamp()), days),
            )
        except RegistrationRefused as refused:
            raise Problem("invalid", hint=str(refused)) from None
        try:
            return await Registrations(node.node).add(client, act_now(node, reason))
        except ClientExists:
            decline(Exit.CONFLICT, f"a client {id} is registered already: carepact client show {id}")

    client = with_node(config, as_node, act)
    _told(client, as_json, f"client {client.id} of {client.organisation} is registered")


def _enc_keys(data: bytes | None, now: int, days: int) -> "tuple[PublicKey, ...]":
    from gateway.authn.client_keys import enc_key_from_jwk

    return () if data is None else (enc_key_from_jwk(data, nbf=now, exp=now + days * DAY),)


@app.command("list", epilog="Example: carepact client list --json")
def list_clients(as_json: JsonOption = False, config: ConfigOption = None, as_node: AsOption = None) -> None:
    """Every client, disabled ones too."""

    async def act(node: "Runtime") -> "list[Client]":
        from gateway.exchange.registrations import Registrations

        return list(await Registrations(node.node).all())

    rows = [_row(one) for one in with_node(config, as_node, act)]
    emit_rows(rows, _COLUMNS, as_json=as_json, empty="no client: carepact client add --help")


@app.command(epilog="Example: carepact client show ward --json")
def show(id: str, as_json: JsonOption = False, config: ConfigOption = None, as_node: AsOption = None) -> None:
    """One client with its keys; public material only."""

    async def act(node: "Runtime") -> "Client":
        from gateway.exchange.registrations import Registrations

        return await Registrations(node.node).get(id)

    client = with_node(config, as_node, act)
    if as_json:
        from gateway.authn.clients import document_from_client

        emit_json({"id": client.id, "status": client.status} | document_from_client(client))
        return
    row = _row(client) | {
        "keys": [f"{key.kid} ({key.alg})" for key in client.keys],
        "enc": [f"{key.kid} ({key.alg}, until {instant_from_seconds(key.exp)})" for key in client.enc],
    }
    for line in lines({name: ", ".join(v) if isinstance(v, list) else v for name, v in row.items()}):
        say(line)


@app.command(epilog="Example: carepact client enable ward --reason 'laptop found'")
def enable(
    id: str,
    reason: ReasonOption,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Let a client ask for tokens again."""
    _set(id, "enabled", reason, as_json, config, as_node)


@app.command(epilog="Example: carepact client disable ward --reason 'laptop stolen'")
def disable(
    id: str,
    reason: ReasonOption,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Refuse a client, and end its tokens at once."""
    _set(id, "disabled", reason, as_json, config, as_node)


def _set(id: str, status: Any, reason: str, as_json: bool, config: Path | None, as_node: str | None) -> None:
    async def act(node: "Runtime") -> "Client":
        from gateway.exchange.registrations import Registrations

        return await Registrations(node.node).set_status(id, status, act_now(node, reason))

    _told(with_node(config, as_node, act), as_json, f"client {id} is {status}")


def _told(client: "Client", as_json: bool, said: str) -> None:
    if as_json:
        emit_json(_row(client))
    else:
        say(said)


def _row(client: "Client") -> dict[str, Any]:
    may = (client.may_declare_emergency, client.may_record_consent)
    return {
        "id": client.id,
        "status": client.status,
        "organisation": client.organisation,
        "purposes": list(client.purposes),
        "roles": list(client.roles),
        "sealed": client.sealed,
        "may": [name for name, allowed in zip(_MAY, may, strict=True) if allowed],
        "scopes": [str(scope) for scope in client.scopes],
    }
