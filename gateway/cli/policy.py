"""`carepact policy`: decision cases tried against the engine, and the floor packs that hold the law.

Neither opens the node: `policy test` without fixtures alone reads its register and pack from its files.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import read_file, write_file
from gateway.cli.noun import noun
from gateway.cli.options import AsOption, ConfigOption, JsonOption
from gateway.cli.output import emit_json, say
from gateway.cli.policy_pack import app as packs
from gateway.errors import Exit, Problem

if TYPE_CHECKING:
    from consent.case_file import Tried
    from consent.cases import Fixtures

_EXAMPLES = """Examples:

\b
  carepact policy test cases.csv --fixtures fixtures.json
  carepact policy pack list
  carepact policy pack diff uk@2026.1 my-uk.json

Exit codes of test: 0 every case passes, 10 one fails, 2 the file cannot be read."""

app = noun("Decision cases and the packs of the law: test, pack.", _EXAMPLES)
app.add_typer(packs, name="pack")
MAX_CASES = 64 * 1024 * 1024


@app.command(
    "test", epilog="Example: carepact policy test cases.csv --fixtures fixtures.json --junit out.xml"
)
def decide_cases(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Cases, one a row.")],
    fixtures: Annotated[
        Path | None,
        typer.Option(help="Directory and packs of the cases; else consent_fixtures.json beside the file."),
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit report here.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Decide every case of a file; say which ones come out otherwise than the file says."""
    from consent.case_file import try_cases

    world = _fixtures(file, fixtures, config, as_node)
    tried = list(try_cases(_text(read_file(file, "FILE", limit=MAX_CASES), "FILE"), world))
    failed = [one for one in tried if not one.ok]
    if junit is not None:
        write_file(junit, junit_from_tried(tried), "--junit")
    for one in tried if as_json else ():
        emit_json({"id": one.id, "ok": one.ok, "want": one.want, "got": one.got, "trace": one.trace})
    for one in () if as_json else failed:
        say(f"{one.id}  {one.title}: {_difference(one)}")
    if not as_json:
        say(f"{len(tried) - len(failed)} of {len(tried)} cases pass")
    if failed or not tried:
        raise typer.Exit(int(Exit.CHECK_FAILED))


def _difference(one: "Tried") -> str:
    if one.error:
        return f"the row cannot be read: {one.error}"
    parts = [f"{name} {one.got.get(name)}, not {value}" for name, value in one.want.items()
             if one.got.get(name) != value]  # fmt: skip
    return "; ".join(parts)


def _fixtures(file: Path, named: Path | None, config: Path | None, as_node: str | None) -> "Fixtures":
    from consent.cases import read_fixtures

    beside = file.parent / "consent_fixtures.json"
    if named is None and not (str(file) != "-" and beside.is_file()):
        return _own_fixtures(config, as_node)
    data = read_file(named or beside, "--fixtures", limit=MAX_CASES)
    _text(data, "--fixtures")
    return read_fixtures(data)


def _own_fixtures(config: Path | None, as_node: str | None) -> "Fixtures":
    """The node's own register, its pack, and the packs that ship."""
    from consent.cases import Fixtures
    from consent.floor import shipped_floor, shipped_packs
    from gateway.bootstrap import open_floor
    from gateway.config import load
    from gateway.directory.interface import DirectoryRefused
    from gateway.directory.register import register_from_file
    from gateway.sandbox.state import configuration_for

    settings = load(configuration_for(config, as_node))
    own = open_floor(settings)
    floors = {name: shipped_floor(name) for name in shipped_packs()} | {own.id: own}
    try:
        return Fixtures(register_from_file(settings.directory.register_file).consent, floors)
    except DirectoryRefused as refused:
        raise Problem("invalid", expression="directory.register_file", hint=str(refused)) from None


def _text(data: bytes, option: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Problem("invalid", expression=option, hint="this file is no UTF-8 text") from None


def junit_from_tried(tried: "Sequence[Tried]") -> bytes:
    """One test case a row: class is its group, name its id and title."""
    from lxml import etree

    failed = sum(not one.ok for one in tried)
    suite = etree.Element("testsuite", name="policy", tests=str(len(tried)), failures=str(failed))
    for one in tried:
        case = etree.SubElement(
            suite, "testcase", classname=_xml(one.group), name=_xml(f"{one.id} {one.title}")
        )
        if not one.ok:
            etree.SubElement(case, "failure", message=_xml(_difference(one)))
    return bytes(etree.tostring(suite, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def _xml(value: Any) -> str:
    """Text that XML can hold: what it cannot becomes `?`."""
    return "".join(one if one >= " " and not "\ud800" <= one <= "\udfff" and one < "\ufffe" else "?"
                   for one in str(value))  # fmt: skip
