"""The federation's commands of `carepact directory`: a threshold-signed list (trust-and-ledger.md 6)."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import act_now, read_file, write_file
from gateway.cli.options import AsOption, ConfigOption, JsonOption, ReasonOption, with_node
from gateway.cli.output import emit_json, say, warn
from gateway.errors import Problem

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime
    from gateway.cli.federation_acts import Pinned

KindOption = Annotated[str, typer.Option(help="gp, hospital, specialist, authority or other.")]
NameOption = Annotated[str, typer.Option(help="Its name, as people say it.")]
_JOIN_LIMIT = 256 * 1024


def init(
    federation: Annotated[str, typer.Argument(help="Id of the federation, ASCII.")],
    name: NameOption,
    reason: ReasonOption,
    kind: KindOption = "other",
    holders: Annotated[int, typer.Option(min=1, max=16, help="Root holders; more than half must sign.")] = 1,
    grace: Annotated[
        int, typer.Option(min=0, max=24, help="Hours after the list's end in which emergencies still pass.")
    ] = 0,
    suites: Annotated[
        str, typer.Option(help="What members may use, as 3,2 or 3,2,1; the lowest is the least.")
    ] = "3,2",
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Found a federation on this node. It becomes operator, publisher and first member."""

    on = _suites(suites)

    async def act(node: "Runtime") -> "tuple[Pinned, Path]":
        from gateway.cli.federation_acts import desk_of, found_federation
        from keys.federation.documents import Federation

        _require_common(node, on)
        rules = Federation(federation, name, suites=on, min_suite=min(on), grace=grace * 3600)
        pinned = await found_federation(node, rules, holders, kind, act_now(node, reason))
        return pinned, desk_of(node).repository_folder.parent

    pinned, desk = with_node(config, as_node, act)
    _told(pinned, as_json)
    if as_json:
        return
    if holders == 1:
        say("solo root: one holder alone can change the root; --holders 3 wants two of three")
    say(f"take {desk / 'holders'} offline, each holder its own folder: the node does not need them")


def join(
    mirror: Annotated[str, typer.Argument(help="URL or folder that serves metadata/ and targets/.")],
    root_sha256: Annotated[str, typer.Option(help="The fingerprint, told by another channel.")],
    reason: ReasonOption,
    out: Annotated[Path | None, typer.Option(help="The join file; else join-ID.json.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Pin a federation's root, verify its list, and write the file by which this node asks to be admitted."""

    async def act(node: "Runtime") -> "tuple[Pinned, bytes, str]":
        from gateway.cli.federation_acts import join_federation

        _require_free(out or Path(f"join-{node.node.member}.json"), force)
        pinned, data = await join_federation(node, mirror, root_sha256.lower(), act_now(node, reason))
        return pinned, data, node.node.member

    pinned, data, member = with_node(config, as_node, act)
    file = out or Path(f"join-{member}.json")
    write_file(file, data, "--out")
    _told(pinned, as_json, file=str(file), fingerprint=hashlib.sha256(data).hexdigest())
    if not as_json and str(file) != "-":
        say(f"{file}: hand it to the operator, and tell its fingerprint by another channel:")
        say(f"  {hashlib.sha256(data).hexdigest()}")


def admit(
    file: Annotated[Path, typer.Argument(help="The join file.")],
    kind: KindOption,
    name: NameOption,
    reason: ReasonOption,
    identifier: Annotated[list[str] | None, typer.Option(help="SYSTEM|VALUE; repeat it.")] = None,
    fingerprint: Annotated[
        str | None, typer.Option(help="As the applicant told it; else you are asked.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="It was compared: do not ask.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Admit a member. Its fingerprint must be compared by another channel than the file came by."""
    data = read_file(file, "FILE", limit=_JOIN_LIMIT)
    seen = hashlib.sha256(data).hexdigest()
    if fingerprint is not None and fingerprint.lower() != seen:
        raise Problem("conflict", expression="--fingerprint", hint="the file is another one than was told")
    if fingerprint is None and yes:
        warn(f"carepact: fingerprint {seen}, taken as compared")
    elif fingerprint is None and not typer.confirm(f"{seen}\nIs this what they told you?", err=True):
        raise Problem("conflict", expression="FILE", hint="nobody was admitted")

    async def act(node: "Runtime") -> str:
        from gateway.cli.federation_acts import admit_member, read_joining

        joining = read_joining(node, data)
        await admit_member(node, joining, kind, name, _identifiers(identifier or []), act_now(node, reason))
        return joining.id

    id = with_node(config, as_node, act)
    done({"id": id, "done": "admitted"}, as_json, f"{id} is admitted: members see it at their next refresh")


def take(
    file: Annotated[Path, typer.Argument(help="An update: carepact directory publish --out.")],
    reason: ReasonOption,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Publish a member's update. The member's own role says whether it may."""
    data = read_file(file, "FILE", limit=_JOIN_LIMIT)

    async def act(node: "Runtime") -> str:
        from gateway.cli.federation_acts import read_joining, take_update

        joining = read_joining(node, data)
        await take_update(node, joining, act_now(node, reason))
        return joining.id

    id = with_node(config, as_node, act)
    done({"id": id, "done": "published"}, as_json, f"{id}: its update is published")


def suspend(
    id: str,
    reason: ReasonOption,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Stop a member for a while. Its keys stay, and nothing of it is believed."""
    _set_status(id, "suspended", reason, as_json, config, as_node)


def restore(
    id: str,
    reason: ReasonOption,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Let a suspended member in again."""
    _set_status(id, "active", reason, as_json, config, as_node)


def _set_status(
    id: str, status: str, reason: str, as_json: bool, config: Path | None, as_node: str | None
) -> None:
    async def act(node: "Runtime") -> None:
        from gateway.cli.federation_acts import change_status

        await change_status(node, id, status, act_now(node, reason))

    with_node(config, as_node, act)
    done({"id": id, "done": status}, as_json, f"{id} is {status}: members see it at their next refresh")


def _suites(text: str) -> tuple[int, ...]:
    """Numbers of the closed table, each once, highest first."""
    from keys.algorithms import KNOWN_SUITES

    words = [word.strip() for word in text.split(",")]
    numbers = {number for number in KNOWN_SUITES if str(number) in words}
    if not words or len(numbers) != len(words):
        raise Problem("invalid", expression="--suites", hint="some of 3, 2 and 1, each once: 3,2,1")
    return tuple(sorted(numbers, reverse=True))


def _require_common(node: "Runtime", suites: tuple[int, ...]) -> None:
    """The founder is the first member: a federation that it cannot be in is not begun."""
    if not set(suites) & set(node.settings.keys.suites):
        hint = "none of them is in this node's keys.suites"
        raise Problem("conflict", expression="--suites", hint=hint)


def _require_free(file: Path, force: bool) -> None:
    """A request to join that was handed over already would be lost, and its fingerprint told in vain."""
    if str(file) != "-" and not force and file.exists():
        raise Problem("conflict", expression="--out", hint=f"{file} is there already; --force writes over it")


def _identifiers(texts: list[str]) -> tuple[tuple[str, str], ...]:
    pairs = [text.partition("|") for text in texts]
    if not all(system and value for system, _, value in pairs):
        raise Problem("invalid", expression="--identifier", hint="SYSTEM|VALUE")
    return tuple((system, value) for system, _, value in pairs)


def _told(pinned: "Pinned", as_json: bool, **about: str) -> None:
    if as_json:
        emit_json({"root": str(pinned.root), "root_sha256": pinned.sha256, "mirror": pinned.mirror} | about)
        return
    say("the configuration, instead of directory.members:\n")
    say("[directory]")
    say(f'root = "{pinned.root}"\nroot_sha256 = "{pinned.sha256}"\nmirrors = ["{pinned.mirror}"]\n')


def done(row: dict[str, Any], as_json: bool, said: str) -> None:
    if as_json:
        emit_json(row)
    else:
        say(said)
