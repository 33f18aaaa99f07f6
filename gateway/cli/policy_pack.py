"""`carepact policy pack`: what each pack of the law says, whether a file would load, and what differs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import read_file
from gateway.cli.noun import noun
from gateway.cli.options import JsonOption
from gateway.cli.output import emit_json, emit_rows, say
from gateway.errors import Exit, Problem

if TYPE_CHECKING:
    from consent.floor import FloorPack

app = noun("Packs of the law: list, show, lint, diff. A pack is a shipped name, NAME@VERSION or a file.")

PackArgument = Annotated[str, typer.Argument(metavar="PACK", help="A shipped pack, NAME@VERSION, or a file.")]
_LISTED = ("pack", "signed", "rules", "ceiling", "sha256")
_RULES = ("when", "mode", "code", "basis", "obligations")


@app.command("list", epilog="Example: carepact policy pack list")
def list_packs(as_json: JsonOption = False) -> None:
    """The packs that ship: worked examples that nobody has signed."""
    from consent.floor import floor_from_bytes, shipped_packs
    from consent.vocabulary import LADDER

    found = (floor_from_bytes(data) for _, data in sorted(shipped_packs().items()))
    rows = [
        {"pack": one.name, "signed": one.signed, "rules": len(one.rules), "ceiling": LADDER[one.btg_ceiling],
         "sha256": one.sha256}
        for one in found
    ]  # fmt: skip
    emit_rows(rows, _LISTED, as_json=as_json, empty="no pack is shipped")


@app.command(epilog="Example: carepact policy pack show uk")
def show(pack: PackArgument, as_json: JsonOption = False) -> None:
    """Every rule of one pack, in its order, and the digest that a sign-off is of."""
    from consent.sign_off import text_sha256

    document, floor = _pack(pack)
    if as_json:
        emit_json(document)
        return
    say(f"{floor.name}  {'signed' if floor.signed else 'signed by nobody'}  sha256 {floor.sha256}")
    say(f"text to sign off: sha256 {text_sha256(document)}")
    emit_rows([_rule(one) for one in document["rules"]], _RULES, as_json=False, empty="no rule")


@app.command(epilog="Example: carepact policy pack lint my-uk.json")
def lint(pack: PackArgument) -> None:
    """Whether a pack loads, and what a lawyer would ask about it."""
    document, floor = _pack(pack)
    warnings = lint_of_pack(document, floor)
    for warning in warnings:
        say(f"{floor.name}  {warning}")
    say(f"{floor.name} loads: {len(floor.rules)} rules, {len(warnings)} warnings")
    if warnings:
        raise typer.Exit(int(Exit.CHECK_FAILED))


@app.command(epilog="Example: carepact policy pack diff uk@2026.1 my-uk.json")
def diff(one: PackArgument, other: PackArgument, as_json: JsonOption = False) -> None:
    """What one pack says otherwise than another: members, and rules by their code and conditions."""
    rows = differences(_pack(one)[0], _pack(other)[0])
    emit_rows(rows, ("change", "what", "before", "after"), as_json=as_json, empty="they say the same")


def lint_of_pack(document: dict[str, Any], floor: "FloorPack") -> list[str]:
    """Warnings of a pack that loads; empty if there are none."""
    found = [] if floor.signed else ["signed by nobody: a node outside the sandbox refuses it"]
    served = {code for rule in floor.rules for code in rule.purpose or ()}
    if not any(rule.purpose is None for rule in floor.rules):
        idle = sorted(code for code in floor.known_purposes if not _under(code, served))
        found += [
            f"purpose {code} is accepted, but no rule serves it: always no-lawful-basis" for code in idle
        ]
    for place, rule in enumerate(document["rules"]):
        if any(earlier == rule for earlier in document["rules"][:place]):
            found.append(f"rule {place + 1} stands twice")
        if rule["mode"] != "FORBID" and not rule.get("basis"):
            found.append(f"rule {place + 1} ({rule['code']}) names no legal basis")
    return found


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """`{change, what, before, after}` a difference; the order of rules within one mode is one too."""
    rows = [change_row(name, before.get(name), after.get(name))
            for name in sorted({*before, *after} - {"rules", "sign_off"})
            if before.get(name) != after.get(name)]  # fmt: skip
    old, new = ({_key(rule): rule for rule in pack["rules"]} for pack in (before, after))
    for key in [*old, *(key for key in new if key not in old)]:
        if old.get(key) != new.get(key):
            rows.append(change_row(f"rule {key}", old.get(key), new.get(key)))
    kept = [key for key in old if key in new]
    if not rows and kept != [key for key in new if key in old]:
        rows.append(change_row("order of rules", list(old), list(new)))
    return rows


def change_row(what: str, before: Any, after: Any) -> dict[str, Any]:
    """`{change, what, before, after}`; None is what one side lacks."""
    change = "added" if before is None else "removed" if after is None else "changed"
    return {"change": change, "what": what, "before": _compact(before), "after": _compact(after)}


def _key(rule: dict[str, Any]) -> str:
    return f"{rule['code']} when {_compact(rule.get('when', {}))}"


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    return {**rule, "when": _compact(rule.get("when", {}))}


def _compact(value: Any) -> str:
    return "" if value is None else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _under(code: str, served: set[str]) -> bool:
    from consent.vocabulary import purpose_under

    return purpose_under(code, served)


def _pack(named: str) -> "tuple[dict[str, Any], FloorPack]":
    from consent.errors import Uncomputable
    from consent.floor import floor_from_bytes, shipped_packs
    from consent.sign_off import text_sha256

    shipped = shipped_packs()
    id, _, version = named.partition("@")
    data = shipped[id] if id in shipped else read_file(Path(named), "PACK")
    try:
        floor = floor_from_bytes(data)
    except Uncomputable as refused:
        if refused.path != "pack.sign_off.sha256":
            raise
        hint = f"{refused}; of this text it is {text_sha256(json.loads(data))}"
        raise Problem("uncomputable", expression="PACK", hint=hint) from None
    if id in shipped and version not in ("", floor.version):
        raise Problem("not_found", expression="PACK", hint="Known ones: carepact policy pack list")
    return json.loads(data), floor
