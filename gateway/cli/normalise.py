"""`carepact normalise`: files to FHIR R4 and their loss ledgers, without a node (normalisation.md 10).

Exit codes of this command: 0 all complete, 3 some partial, 1 any error (an input of status error, a file
that cannot be read, or none given). Everything else that is wrong with the options is a usage error.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from gateway.cli.noun import noun
from gateway.cli.options import JsonOption
from gateway.cli.output import warn
from gateway.errors import Exit

if TYPE_CHECKING:
    from gateway.cli.normalise_output import Output
    from gateway.intake.single import Options

_EXAMPLES = """Examples:

\b
  carepact normalise ward.hl7 --zone Europe/London
  carepact normalise *.xml --out converted --json
  carepact normalise record.json --format gp-connect --out -

Beside each bundle stands its ledger: what became of every value of the input. Without --id-key the ids are
made with a public key, so that anyone gets the same: never for records that are kept."""

app = noun("Files to FHIR R4, with a ledger of every value; needs no node.")
PARTIAL = 3
_BAR_FILES, _BAR_BYTES = 20, 4 * 1024 * 1024


@app.command(epilog=_EXAMPLES)
def normalise(
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE...", show_default=False)] = None,
    format: Annotated[str, typer.Option(help="auto, hl7v2, cda, gp-connect or fhir-r4.")] = "auto",
    zone: Annotated[
        str | None, typer.Option(help="IANA zone of times without offset, like Europe/London.")
    ] = None,
    source: Annotated[str, typer.Option(help="Id of the source, in ids and meta.source.")] = "cli",
    custodian: Annotated[str, typer.Option(help="Whose records these are.")] = "local",
    charset: Annotated[str | None, typer.Option(help="Of HL7 v2 messages that do not say theirs.")] = None,
    id_key: Annotated[
        Path | None, typer.Option(help="File of 32 bytes, or 64 hexadecimal digits, that ids are made with.")
    ] = None,
    at: Annotated[str | None, typer.Option(help="Clock reading to record, an instant; default: now.")] = None,
    base: Annotated[str, typer.Option(help="Base of fullUrl.")] = "https://node.invalid/fhir",
    out: Annotated[Path, typer.Option(help="Folder of the outputs; - for NDJSON on stdout.")] = Path("."),
    as_json: JsonOption = False,
) -> None:
    """Each FILE becomes NAME.bundle.json and NAME.losses.json; one line tells how it ended."""
    from gateway.cli.normalise_options import options_from_text
    from gateway.cli.normalise_output import Output

    options = options_from_text(format, zone, source, custodian, charset, id_key, at, base)
    if not files:
        warn("carepact: no file: carepact normalise --help")
        raise typer.Exit(Exit.FAILED)
    states = _run(files, options, Output(out, as_json))
    code = Exit.FAILED if "error" in states else PARTIAL if "partial" in states else Exit.DONE
    raise typer.Exit(int(code))


def _run(files: Sequence[Path], options: "Options", output: "Output") -> set[str]:
    """How the inputs ended; each is independent of the others."""
    from gateway.collector import widen
    from gateway.intake.single import normalise_input
    from gateway.intake.spool import DiskSpool

    widen()
    states: set[str] = set()
    with _bar(files) as step:
        for file in files:
            try:
                body = file.read_bytes()
            except OSError:
                output.unread(_name(file))
                states.add("error")
            else:
                with DiskSpool(os.urandom) as spool:
                    try:
                        single = normalise_input(body, _name(file), options, spool)
                    except OSError:
                        _no_room()
                    output.write(single)
                states.add(single.status)
            step()
    return states


def _no_room() -> NoReturn:
    warn("carepact: no room for a temporary file (TMPDIR says where it goes)")
    raise typer.Exit(int(Exit.FAILED))


def _name(file: Path) -> str:
    """The file's name as text that JSON and a terminal can carry."""
    text = file.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


@contextmanager
def _bar(files: Sequence[Path]) -> Iterator[Any]:
    """A progress bar on stderr, for people who wait: many files or large ones, and a terminal."""
    import sys

    large = len(files) > _BAR_FILES or sum(_size(file) for file in files) > _BAR_BYTES
    if not large or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("normalise", total=len(files))
        yield lambda: progress.advance(task)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
