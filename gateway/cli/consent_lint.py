"""`carepact consent lint`: whether a file of consents would be admitted, and what in it may surprise."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import read_file
from gateway.cli.consent_import import MAX_IMPORT
from gateway.cli.options import AsOption, ConfigOption, JsonOption, with_node
from gateway.cli.output import emit_json, say
from gateway.errors import Exit

if TYPE_CHECKING:
    from consent.record import ConsentView
    from gateway.bootstrap import Runtime
    from gateway.exchange.consent_import import ImportRow

_NOBODY = "Patient/lint"
"""Stands for whoever a row is about: linting asks no index and stores nothing."""


def lint(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="A FHIR Consent, a Bundle, or CSV.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """What would be refused, and what may mean something else than it seems. Nothing is stored.

    Exit 0 clean, 10 warnings alone, 2 something would be refused.
    """
    held = [(str(path), _as_list(read_file(path, "FILE", limit=MAX_IMPORT))) for path in files]

    async def act(node: "Runtime") -> list[dict[str, Any]]:
        return [row for name, data in held for row in _findings(node, name, data)]

    rows = with_node(config, as_node, act)
    for row in rows if as_json else ():
        emit_json(row)
    for row in () if as_json else rows:
        say(f"{row['file']} {row['row']}  {row['level']}  {row['code']}  {row['path']}: {row['said']}")
    refused = sum(row["level"] == "refused" for row in rows)
    if not as_json:
        say(f"{len(held)} files: {refused} refusals, {len(rows) - refused} warnings")
    if rows:
        raise typer.Exit(int(Exit.USAGE if refused else Exit.CHECK_FAILED))


def _as_list(data: bytes) -> bytes:
    """One Consent as a Bundle of one; any other file as it is."""
    try:
        alone = json.loads(data).get("resourceType") == "Consent"
    except (ValueError, AttributeError, RecursionError):
        alone = False
    return b'{"resourceType":"Bundle","entry":[{"resource":' + data + b"}]}" if alone else data


def _findings(node: "Runtime", name: str, data: bytes) -> list[dict[str, Any]]:
    from consent.errors import Uncomputable
    from consent.lint import cautions_of_consent
    from gateway.cli.consent_rows import rows_from_file
    from gateway.exchange.cautions import presumes

    opt_out = presumes(node.node)
    found: list[dict[str, Any]] = []
    views: list[tuple[ImportRow, ConsentView]] = []
    for row in rows_from_file(data, at=node.clock(), zone=node.settings.node.civil_timezone):
        try:
            view = _view(node, row)
        except Uncomputable as refused:
            found.append(_row(name, row.row, "refused", "uncomputable", refused.path, refused.why))
            continue
        views.append((row, view))
        found += [
            _row(name, row.row, "warning", one.code, one.path, one.said)
            for one in cautions_of_consent(view, opt_out=opt_out)
        ]
    return sorted([*found, *_ties(name, views)], key=lambda row: int(row["row"]))


def _view(node: "Runtime", row: "ImportRow") -> "ConsentView":
    """As the door would read it. Raises `Uncomputable`."""
    from consent.fhir import admit

    if row.fault is not None or row.document is None:
        assert row.fault is not None
        raise row.fault
    return admit(row.document("lint", _NOBODY, None), resolves=node.consents.resolves, subject=_NOBODY)


def _ties(name: str, views: "list[tuple[ImportRow, ConsentView]]") -> list[dict[str, Any]]:
    """Consents of one file that are about the same patient and say the same key and instant."""
    from consent.lint import TIE, tied

    by_patient: dict[Any, list[tuple[ImportRow, ConsentView]]] = {}
    for row, view in views:
        by_patient.setdefault(row.patient, []).append((row, view))
    return [
        _row(name, row.row, "warning", TIE.code, TIE.path, TIE.said)
        for of_one in by_patient.values()
        for (row, _), both in zip(of_one, tied([view for _, view in of_one]), strict=True)
        if both
    ]


def _row(name: str, place: int, level: str, code: str, path: str, said: str) -> dict[str, Any]:
    return {"file": name, "row": place, "level": level, "code": code, "path": path, "said": said}
