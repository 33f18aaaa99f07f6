"""Decision cases as data: one CSV row is one whole question with its one right answer (`carepact policy
test`).

The format is that of `cases/README.md`: JSON columns are compact JSON of a fixed shape; another shape, or
a member
that stands twice, makes the row an error, never a skip. A deployment adds rows of its own in its own file.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from consent.agreement import SharingAgreement, Statement, agreement_from_json
from consent.decision import Decision, Permit
from consent.digest import ResourceContext, digest
from consent.directory import MEMBERS, Directory, directory_from_json
from consent.errors import Uncomputable
from consent.evaluate import evaluate
from consent.facts import Facts
from consent.floor import FloorPack, floor_from_json
from consent.instants import Micros
from consent.record import ALWAYS, ConsentView, consent_from_json
from consent.request import AccessRequest, access_request_from_json
from consent.shape import boolean, members, moment, text, texts
from consent.source_rules import SourceRule, source_rules_from_json

COLUMNS = (
    "id group title floor request resource resource_ctx consents dsas org_rules expect_effect expect_layer "
    "expect_reason expect_redactions expect_obligations source evidence anchor_result agreement rationale"
).split()


@dataclass(frozen=True, slots=True)
class Fixtures:
    """What the rows of a file refer to."""

    directory: Directory
    floors: Mapping[str, FloorPack]


@dataclass(frozen=True, slots=True)
class Case:
    """One row, read. `want`: effect, layer, reason, redactions, obligations (None: not checked)."""

    id: str
    group: str
    title: str
    request: AccessRequest
    facts: Facts
    directory: Directory
    floor: FloorPack
    agreements: tuple[SharingAgreement, ...]
    consents: tuple[ConsentView, ...]
    source_rules: tuple[SourceRule, ...]
    want: Mapping[str, Any] = field(default_factory=dict)

    def decide(self) -> Decision:
        return evaluate(
            self.request, self.facts, self.directory, self.floor,
            self.agreements, self.consents, self.source_rules,
        )  # fmt: skip

    def got(self, decision: Decision) -> dict[str, Any]:
        """The decision in the shape of `want`."""
        found: dict[str, Any] = {
            "effect": decision.effect,
            "layer": decision.layer,
            "reason": decision.reason,
            "redactions": sorted(decision.redactions) if isinstance(decision, Permit) else [],
        }
        if self.want.get("obligations") is not None:
            found["obligations"] = sorted(decision.obligations) if isinstance(decision, Permit) else []
        return found


def read_fixtures(document: bytes) -> Fixtures:
    """Directory and floor packs of a case file. Raises `Uncomputable`."""
    known = (*MEMBERS, "known_purposes", "parental_until", "dsa_exempt_mandates", "btg_roles", "floors")
    found = members(
        _json(document.decode("utf-8"), "fixtures"), "fixtures", known, ("known_purposes", "floors")
    )
    shared: dict[str, Any] = {"known_purposes": found["known_purposes"]}
    shared["proxy"] = {"parental_until": found.get("parental_until", 11)}
    shared["dsa_exempt_mandates"] = found.get("dsa_exempt_mandates", [])
    if "btg_roles" in found:
        shared["break_glass"] = {"roles": found["btg_roles"]}
    floors = {
        name: floor_from_json({"id": name, "version": "case", **shared, **members(
            floor, f"fixtures.floors.{name}", ("rules", "btg_ceiling"), ("rules",))})
        for name, floor in found["floors"].items()
    }  # fmt: skip
    directory = directory_from_json({key: value for key, value in found.items() if key in MEMBERS})
    return Fixtures(directory, floors)


def case_from_row(row: Mapping[str, str], fixtures: Fixtures) -> Case:
    """One question. Raises `Uncomputable` with the column, if it is not of the documented shape."""
    if row["floor"] not in fixtures.floors:
        raise Uncomputable("floor", "is not among the fixtures")
    request = access_request_from_json(_json(row["request"], "request"), own=True, id=row["id"])
    context = _context(_json(row["resource_ctx"], "resource_ctx"))
    consents = _array(row["consents"], "consents")
    agreements = _array(row["dsas"], "dsas")
    return Case(
        id=row["id"],
        group=row["group"],
        title=row["title"],
        request=request,
        facts=digest(_json(row["resource"], "resource"), context),
        directory=fixtures.directory,
        floor=fixtures.floors[row["floor"]],
        agreements=tuple(agreement_from_case(item, f"dsas[{at}]") for at, item in enumerate(agreements)),
        consents=tuple(consent_from_json(item) for item in consents),
        source_rules=source_rules_from_json(_json(row["org_rules"], "org_rules")),
        want=_want(row),
    )


def _want(row: Mapping[str, str]) -> dict[str, Any]:
    return {
        "effect": row["expect_effect"],
        "layer": row["expect_layer"],
        "reason": row["expect_reason"],
        "redactions": _listed(row["expect_redactions"]),
    } | ({"obligations": _listed(row["expect_obligations"])} if row["expect_obligations"] else {})


def _listed(value: str) -> list[str]:
    return [item for item in value.split(";") if item]


def _context(value: Any) -> ResourceContext:
    known = ("source_org", "labelled", "received_under", "tags", "patients", "authors", "ancestors")
    found = members(value, "resource_ctx", known, ("source_org",))

    def some(name: str) -> tuple[str, ...]:
        return texts(found.get(name, []), f"resource_ctx.{name}")

    under = found.get("received_under")
    return ResourceContext(
        custodian=text(found["source_org"], "resource_ctx.source_org"),
        labelled=boolean(found.get("labelled", True), "resource_ctx.labelled"),
        received_under=None if under is None else text(under, "resource_ctx.received_under"),
        tags=some("tags"),
        patients=some("patients"),
        authors=some("authors"),
        ancestors=some("ancestors"),
    )


_STATUSES = ("draft", "proposed", "half-signed", "active", "suspended", "terminated")


def agreement_from_case(value: Any, path: str) -> SharingAgreement:
    """An agreement cut to what decides: `status` and `signatures` stand for the statements they come from."""
    if not isinstance(value, Mapping):
        raise Uncomputable(path, "must be an object")
    own = ("status", "signatures", "terminated_at")
    status = value.get("status")
    if status not in _STATUSES:
        raise Uncomputable(f"{path}.status", "is no status")
    document = {"version": 1, **{key: item for key, item in value.items() if key not in own}}
    agreement = agreement_from_json(document)
    signed = () if status in ("draft", "proposed", "half-signed") else _signatures(value, path)
    statements = [Statement(org, "sign", ALWAYS) for org in signed]
    stopper = next(iter(sorted(agreement.providers)))
    if status == "suspended":
        statements.append(Statement(stopper, "suspend", ALWAYS))
    if status == "terminated":
        statements.append(Statement(stopper, "terminate", ALWAYS, _ended(value, path)))
    return replace(agreement, statements=tuple(statements))


def _signatures(value: Mapping[str, Any], path: str) -> list[str]:
    if not isinstance(value.get("signatures"), list):
        raise Uncomputable(f"{path}.signatures", "must be an array")
    found = []
    for place, item in enumerate(value["signatures"]):
        at = f"{path}.signatures[{place}]"
        signature = members(item, at, ("org", "valid"), ("org", "valid"))
        if boolean(signature["valid"], f"{at}.valid"):
            found.append(text(signature["org"], f"{at}.org"))
    return found


def _ended(value: Mapping[str, Any], path: str) -> Micros | None:
    return moment(value["terminated_at"], f"{path}.terminated_at") if "terminated_at" in value else None


def _array(column: str, path: str) -> list[Any]:
    value = _json(column, path)
    if not isinstance(value, list):
        raise Uncomputable(path, "must be an array")
    return value


def _json(column: str, path: str) -> Any:
    try:
        return json.loads(column, object_pairs_hook=lambda pairs: _once(pairs, path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise Uncomputable(path, "is no JSON") from error


def _once(pairs: list[tuple[str, Any]], path: str) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise Uncomputable(path, "has a member twice")
    return dict(pairs)
