"""The command tree, and the one place where what went wrong becomes an exit code (http-api.md 7)."""

import importlib
import os
import re
import traceback
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from gateway import __version__
from gateway.cli.output import say, warn
from gateway.errors import Exit, Problem, RefusedToStart

_KID = re.compile(r"-[A-Za-z0-9_-]{42}").fullmatch
_NOUNS = {
    "demo": "the tour: one real exchange, every step shown and checked",
    "sandbox": "a node with mock providers on this machine: up, status, fault, down",
    "serve": "run the node: HTTP API and HL7 v2 listeners",
    "exchange": "pull as a registered client; list, show and replay what was exchanged",
    "consent": "patients' consents: grant, template, withdraw, list, show, explain, can, who-can, what-if, "
    "import, export, lint, tasks; children who come of age: milestone",
    "agreement": "agreements: new, add, sign, statement, propose, verify, activate, list, show, diff, "
    "matrix, export, suspend, resume, terminate",
    "breakglass": "emergency access: list, show, review, revoke, close, lift; patients to be told: notice",
    "optout": "lists of people without those who opted out: apply",
    "policy": "decision cases tried against the engine; the packs of the law",
    "client": "health systems that may ask: keypair, add, list, show, enable, disable",
    "verify": "verify a patient's receipt, offline, with pinned keys alone",
    "audit": "the ledger: verify; one patient: accessed, receipt, events, erase",
    "normalise": "files to FHIR R4 with a ledger of every value, without a node",
    "source": "what sources sent, and what became of every value of it",
    "patient": "which records are one patient here, who else might be; part two that were merged",
    "directory": "who is believed: list, add, remove, register; a federation: init, join, admit, suspend, "
    "restore, ping, take, publish, rotate-root, revoke, refresh, status, verify, mirror",
    "keys": "the node's keys: list, jwks, member, create, rotate, retire, destroy, rewrap",
    "envelope": "envelopes in files: seal, open, inspect",
    "db": "upgrade and check the database",
    "doctor": "check the node and say the next step for each thing that is wrong",
}


class LazyNouns(TyperGroup):
    """Loads a noun's module when it is used: `carepact --help` imports none of them."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_NOUNS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _NOUNS:
            return None
        module = importlib.import_module(f"gateway.cli.{cmd_name}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_NOUNS.items()))


app = typer.Typer(
    cls=LazyNouns,
    name="carepact",
    help="Carepact: a patient's record follows the patient, sealed end to end.",
    epilog="First steps: carepact demo, then carepact sandbox up.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        say(f"carepact {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """Carepact: a patient's record follows the patient, sealed end to end."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    command = typer.main.get_command(app)
    try:
        code = command.main(_spread(arguments), prog_name="carepact", standalone_mode=False)
        return int(code) if isinstance(code, int) else Exit.DONE
    except typer.Exit as done:
        return done.exit_code
    except RefusedToStart as refused:
        warn(f"carepact: {refused}")
        return Exit.REFUSED_TO_START
    except Problem as problem:
        where = f" ({problem.expression})" if problem.expression else ""
        warn(f"carepact: {problem.category.text}{where}" + (f" {problem.hint}" if problem.hint else ""))
        return problem.category.exit
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return Exit.DONE
    except Exception as error:
        return _foreign(error)


def _spread(arguments: Sequence[str]) -> list[str]:
    """`demo --hospital a.hl7 b.hl7`, as a shell's `*.hl7` writes it, repeats the option."""
    if tuple(arguments[:2]) in (("directory", "revoke"), ("keys", "retire"), ("keys", "destroy")):
        return _kid_last(arguments)
    if not arguments or arguments[0] != "demo":
        return list(arguments)
    spread: list[str] = []
    option = ""
    for argument in arguments:
        if argument.startswith("-"):
            option = argument if argument in ("--gp", "--hospital", "--specialist") else ""
        elif option and spread[-1] != option:
            spread.append(option)
        spread.append(argument)
    return spread


def _kid_last(arguments: Sequence[str]) -> list[str]:
    """A key id may begin with a dash, like an option: behind `--` it is none."""
    kids = [argument for argument in arguments if _KID(argument)]
    return [argument for argument in arguments if not _KID(argument)] + (["--", *kids] if kids else [])


def _foreign(error: Exception) -> int:
    """Usage errors of the parser speak for themselves; anything else is our failure, told without values."""
    if type(error).__name__ == "NoArgsIsHelpError":
        warn(str(error))  # its message is the whole help: nothing goes before it
        return Exit.USAGE
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        context = getattr(error, "ctx", None)
        if context is not None:
            warn(context.get_usage())
        warn(f"carepact: {error.format_message()}")
        return Exit.USAGE
    known = _of_the_rooms(error)
    if known is not None:
        code, text = known
        warn(f"carepact: {text}")
        return code
    place = traceback.extract_tb(error.__traceback__)[-1]
    warn(f"carepact: something failed here: {type(error).__name__} at {place.filename}:{place.lineno}")
    return Exit.FAILED


def _of_the_rooms(error: Exception) -> tuple[Exit, str] | None:
    """What the rooms raise and no command told better: exit code and a constant text."""
    from consent.errors import AlreadySigned, StaleVersion, Uncomputable
    from gateway.audit.interface import LedgerBroken
    from gateway.records.interface import KeyErased, SealBroken
    from keys.errors import KeyFault, NotReady

    match error:
        case Uncomputable():
            return Exit.USAGE, f"not computable: {error}"
        case AlreadySigned():
            known = "That organisation has already made this statement about this version"
            return Exit.CONFLICT, f"{known}; to send it on: carepact agreement propose."
        case StaleVersion():
            return Exit.CONFLICT, str(type(error).__doc__)
        case LedgerBroken():
            return Exit.CONFLICT, str(error)
        case KeyErased():
            return Exit.NOT_AVAILABLE, "the record that this is about was erased"
        case SealBroken():
            return Exit.BAD_PROOF, "a stored value does not open: carepact audit verify"
        case KeyFault() | NotReady():
            return Exit.NOT_READY, f"{error}: carepact doctor"
    return None
