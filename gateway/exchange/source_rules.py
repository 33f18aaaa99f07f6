"""What each source organisation of the node holds back or masks (consent.md 7): one file, named by settings.

JSON: a custodian's directory id -> its rules, in their order. The file is looked at again for every answer
and inside every release, so that a change binds the next one without a restart.

1. Every custodian named has a source here: a rule about a name that was mistyped would hold nothing back.
2. A file that is gone or wrong lets nothing out until it is repaired: the rules that were in force before may
   be the very ones that somebody was about to tighten.
3. What a decision was made under is kept by its digest (`basis`), and stands in the epochs of its receipt.
"""

import hashlib
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from adapters.codec import BadJSON, decode
from consent.errors import Uncomputable
from consent.source_rules import SourceRule, source_rules_from_json
from gateway.errors import Problem

MAX_BYTES = 4 * 1024 * 1024
_REPAIR = "the source rules cannot be used: carepact doctor"


class SourceRulesRefused(ValueError):
    """A file of source rules is not usable. The message names custodian and element, never a value."""


@dataclass(frozen=True, slots=True)
class SourceRules:
    """The rules of all custodians, and the bytes that they were read from; without a file all is empty."""

    rules: tuple[SourceRule, ...] = ()
    document: bytes = b""
    sha256: str = ""

    @property
    def epoch(self) -> str:
        """Changes with every change of the file; it stands in a receipt."""
        return self.sha256[:16]


NO_RULES = SourceRules()


def no_source_rules() -> SourceRules:
    """Of a node whose settings name no file."""
    return NO_RULES


def source_rules_from_bytes(data: bytes, custodians: Set[str] | None = None) -> SourceRules:
    """Read a file of rules about no other than `custodians`, if stated. Raises `SourceRulesRefused`."""
    if len(data) > MAX_BYTES:
        raise SourceRulesRefused("larger than 4 MiB")
    try:
        document = decode(data)
    except BadJSON:
        raise SourceRulesRefused("not strict JSON") from None
    if not isinstance(document, dict):
        raise SourceRulesRefused("not an object: custodian -> list of rules")
    found: list[SourceRule] = []
    for custodian, rules in document.items():
        if custodians is not None and custodian not in custodians:
            raise SourceRulesRefused(f"{custodian}: no source of this node has that custodian")
        try:
            found += source_rules_from_json(rules, custodian=custodian)
        except Uncomputable as refused:
            raise SourceRulesRefused(f"{custodian}: {refused}") from None
    return SourceRules(tuple(found), data, hashlib.sha256(data).hexdigest())


class SourceRulesFile:
    """The rules of one file, read again when its bytes change. Opening it may raise `SourceRulesRefused`."""

    def __init__(self, path: Path, custodians: Set[str]) -> None:
        self._path = path
        self._custodians = custodians
        self._held = NO_RULES
        self._held = self._read()

    def __call__(self) -> SourceRules:
        """The rules now. Raises `Problem`: `unavailable` while the file cannot be used (2)."""
        try:
            self._held = self._read()
        except SourceRulesRefused:
            raise Problem("unavailable", hint=_REPAIR) from None
        return self._held

    def _read(self) -> SourceRules:
        try:
            with self._path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError:
            raise SourceRulesRefused("it cannot be read") from None
        same = self._held.sha256 and self._held.document == data
        return self._held if same else source_rules_from_bytes(data, self._custodians)
