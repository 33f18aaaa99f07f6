"""L1, the law: versioned jurisdiction packs (consent.md 4). A pack that is not understood whole does not
load.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from typing import Any

from consent.errors import Uncomputable
from consent.instants import Micros
from consent.shape import boolean, confidentiality, integer, members, period, text, texts
from consent.sign_off import is_signed
from consent.vocabulary import OBLIGATIONS, PURPOSE_UP, RESTRICTED, purpose_under

MODES = ("FORBID", "MANDATE", "OPT_IN", "OPT_OUT")
"""Strictest first; the strictest that matches wins."""
_STRICT = {mode: place for place, mode in enumerate(MODES)}
ROLES = frozenset(("ed-doctor", "paramedic", "doctor", "anaesthetist"))
ADOLESCENT = frozenset(("SEX", "STD", "PSY", "ETH"))
NO_LAWFUL_BASIS = "no-lawful-basis"


@dataclass(frozen=True, slots=True)
class FloorRule:
    """Matches when every condition that it states holds; a rule without conditions always matches."""

    mode: str
    code: str
    basis: str = ""
    obligations: tuple[str, ...] = ()
    purpose: frozenset[str] | None = None
    tag: str | None = None
    flag: str | None = None
    mandate: str | None = None
    not_mandate: bool = False

    def asked(self, purpose: str, mandate: str | None) -> bool:
        """The conditions on the request hold."""
        return (
            (self.purpose is None or purpose_under(purpose, self.purpose))
            and (self.mandate is None or self.mandate == mandate)
            and not (self.not_mandate and mandate is not None)
        )


@dataclass(frozen=True, slots=True)
class BreakGlassTerms:
    """Who may break the glass, and how long a grant lives."""

    roles: frozenset[str] = ROLES
    ttl_hours: int = 8
    max_hours: int = 120
    review_hours: int = 72
    overdue: str = "warn"
    notify_hours: int = 168
    """Within which a patient is told."""


@dataclass(frozen=True, slots=True)
class FloorPack:
    """One version of one jurisdiction's rules. `sha256` is of the bytes that were loaded."""

    id: str
    version: str
    known_purposes: frozenset[str]
    rules: tuple[FloorRule, ...]
    sha256: str = ""
    start: Micros | None = None
    end: Micros | None = None
    signed: bool = False
    btg_ceiling: int = RESTRICTED
    break_glass: BreakGlassTerms = BreakGlassTerms()
    parental_until: int = 11
    adolescent_exclude: frozenset[str] = ADOLESCENT
    dsa_exempt_mandates: frozenset[str] = frozenset()
    tell_withheld: bool = False
    document: bytes = field(default=b"", compare=False, repr=False)
    """The bytes that were loaded: kept with the decisions made under them."""

    @property
    def name(self) -> str:
        return f"{self.id}@{self.version}"

    def entry(self, rule: FloorRule | None) -> dict[str, Any]:
        """For the trace: what this pack says; without a matching rule it forbids. `unsigned`, if it is."""
        value, code = (rule.mode, rule.code) if rule else ("FORBID", NO_LAWFUL_BASIS)
        entry: dict[str, Any] = {"layer": "L1", "value": value, "rule": code, "pack": self.name}
        if self.sha256:
            entry["sha256"] = self.sha256
        if not self.signed:
            entry["unsigned"] = True
        return entry

    def in_effect(self, at: Micros) -> bool:
        return (self.start is None or self.start <= at) and (self.end is None or at <= self.end)


def strictest(
    rules: Sequence[FloorRule], tags: Collection[str], flags: Collection[str]
) -> tuple[FloorRule | None, set[str]]:
    """Of rules that the request matches: the strictest that the resource's tags and the patient's flags
    match too,
    the first within its mode; and the obligations of all that match.
    """
    first: FloorRule | None = None
    obligations: set[str] = set()
    for rule in rules:
        if (rule.tag is None or rule.tag in tags) and (rule.flag is None or rule.flag in flags):
            if first is None or _STRICT[rule.mode] < _STRICT[first.mode]:
                first = rule
            obligations.update(rule.obligations)
    return first, obligations


_PACK = (
    "id version effective sign_off known_purposes btg_ceiling break_glass proxy dsa_exempt_mandates "
    "tell_withheld rules title"
).split()


def floor_from_bytes(document: bytes, *, kept: bool = False) -> FloorPack:
    """A pack from the bytes of its file. Raises `Uncomputable`: the node does not start with it.

    `kept`: bytes that past decisions were made under; whether their sign-off fitted was asked then.
    """
    try:
        value = json.loads(document, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Uncomputable("pack", "is no JSON object without duplicate members") from error
    pack = floor_from_json(value, sha256=hashlib.sha256(document).hexdigest(), kept=kept)
    return replace(pack, document=document)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a member stands twice")
    return dict(pairs)


def shipped_packs() -> dict[str, bytes]:
    """The worked examples in `consent/packs/`, unsigned, by id."""
    folder = resources.files("consent") / "packs"
    found = (item for item in folder.iterdir() if item.name.endswith(".json"))
    return {item.name.removesuffix(".json"): item.read_bytes() for item in found}


def shipped_floor(id: str) -> FloorPack:
    """One shipped pack: `opt-in`, `opt-out`, `uk`, `us`, `eu`, `nz`. Raises `Uncomputable` for another id."""
    packs = shipped_packs()
    if id not in packs:
        raise Uncomputable("pack", "no such pack is shipped")
    return floor_from_bytes(packs[id])


def floor_from_json(value: Any, *, sha256: str = "", kept: bool = False) -> FloorPack:
    """Strict: an unknown member or mode, a duplicate code with another mode, an unknown purpose is
    refused.
    """
    found = members(value, "pack", _PACK, ("id", "version", "known_purposes", "rules"))
    start, end = period(found.get("effective", {}), "pack.effective")
    proxy = members(found.get("proxy", {}), "pack.proxy", ("parental_until", "adolescent_exclude"))
    return FloorPack(
        id=text(found["id"], "pack.id"),
        version=text(found["version"], "pack.version"),
        known_purposes=frozenset(texts(found["known_purposes"], "pack.known_purposes", PURPOSE_UP)),
        rules=_rules(found["rules"]),
        sha256=sha256,
        start=start,
        end=end,
        signed=is_signed(found, kept=kept),
        btg_ceiling=confidentiality(found.get("btg_ceiling", "R"), "pack.btg_ceiling"),
        break_glass=_break_glass(found.get("break_glass", {})),
        parental_until=integer(proxy.get("parental_until", 11), "pack.proxy.parental_until", 0, 16),
        adolescent_exclude=frozenset(
            texts(proxy.get("adolescent_exclude", sorted(ADOLESCENT)), "pack.proxy.adolescent_exclude")
        ),
        dsa_exempt_mandates=frozenset(
            texts(found.get("dsa_exempt_mandates", []), "pack.dsa_exempt_mandates")
        ),
        tell_withheld=boolean(found.get("tell_withheld", False), "pack.tell_withheld"),
    )


def _rules(value: Any) -> tuple[FloorRule, ...]:
    if not isinstance(value, list) or not value:
        raise Uncomputable("pack.rules", "must be an array with at least one rule")
    rules = tuple(_rule(item, f"pack.rules[{place}]") for place, item in enumerate(value))
    modes: dict[str, str] = {}
    for place, rule in enumerate(rules):
        if modes.setdefault(rule.code, rule.mode) != rule.mode:
            raise Uncomputable(f"pack.rules[{place}].code", "stands before with another mode")
    return rules


def _rule(value: Any, path: str) -> FloorRule:
    found = members(value, path, ("when", "mode", "code", "basis", "obligations"), ("when", "mode", "code"))
    when = members(found["when"], f"{path}.when", ("purpose", "tag", "flag", "mandate", "not_mandate"))
    if found["mode"] not in MODES:
        raise Uncomputable(f"{path}.mode", "is not a mode")
    if "not_mandate" in when and when["not_mandate"] is not True:
        raise Uncomputable(f"{path}.when.not_mandate", "can only be true")

    def one(name: str) -> str | None:
        return text(when[name], f"{path}.when.{name}") if name in when else None

    return FloorRule(
        mode=found["mode"],
        code=text(found["code"], f"{path}.code"),
        basis=text(found["basis"], f"{path}.basis") if "basis" in found else "",
        obligations=texts(found.get("obligations", []), f"{path}.obligations", OBLIGATIONS),
        purpose=_purposes(when, path),
        tag=one("tag"),
        flag=one("flag"),
        mandate=one("mandate"),
        not_mandate="not_mandate" in when,
    )


def _purposes(when: Mapping[str, Any], path: str) -> frozenset[str] | None:
    return (
        frozenset(texts(when["purpose"], f"{path}.when.purpose", PURPOSE_UP)) if "purpose" in when else None
    )


def _break_glass(value: Any) -> BreakGlassTerms:
    path = "pack.break_glass"
    found = members(
        value, path, ("roles", "ttl_hours", "max_hours", "review_hours", "notify_hours", "overdue")
    )
    overdue = found.get("overdue", "warn")
    if overdue not in ("warn", "block"):
        raise Uncomputable(f"{path}.overdue", "must be warn or block")
    return BreakGlassTerms(
        roles=frozenset(texts(found.get("roles", sorted(ROLES)), f"{path}.roles")),
        ttl_hours=integer(found.get("ttl_hours", 8), f"{path}.ttl_hours", 1, 8760),
        max_hours=integer(found.get("max_hours", 120), f"{path}.max_hours", 1, 8760),
        review_hours=integer(found.get("review_hours", 72), f"{path}.review_hours", 1, 8760),
        overdue=overdue,
        notify_hours=integer(found.get("notify_hours", 168), f"{path}.notify_hours", 1, 8760),
    )
