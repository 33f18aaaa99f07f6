"""Renders tests/spec/consent/own_cases.json to docs/consent-cases.md: `python -m tools.consent_cases`.

Each case is one question and its one right answer; here it becomes a whole row of the documented case format
(`carepact policy test`), and a paragraph that people read. What a case leaves out is the usual thing.
"""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CASES = ROOT / "tests" / "spec" / "consent" / "own_cases.json"
PAGE = ROOT / "docs" / "consent-cases.md"
V3 = "http://terminology.hl7.org/CodeSystem/v3-"
HERSELF = "Patient/herself"
ASK = {
    "org": "ward-ash",
    "practitioner": "dr-ivy",
    "roles": ["doctor"],
    "purpose": "TREAT",
    "subject": HERSELF,
}


def read() -> dict[str, Any]:
    """Register and cases."""
    return dict(json.loads(CASES.read_text("utf-8")))


def row_from_case(case: dict[str, Any]) -> dict[str, str]:
    """One row of the case format of `carepact policy test`."""
    ask = {**ASK, **case.get("ask", {})}
    request = {k: v for k, v in ask.items() if k not in ("emergency", "purpose") and v is not None}
    request |= {"purpose": ask["purpose"], "at": "2026-03-01T09:30:00Z"}
    if "emergency" in ask:
        request["emergency"] = {"declared": True, "reason": ask["emergency"]}
    record = case.get("record", {})
    context = {"source_org": "gp-fern"} | {k: record[k] for k in ("received_under",) if k in record}
    effect, layer, reason = case["want"].split()
    masked = [path for one in case.get("agreements", []) for path in one.get("masked", [])]
    return {
        "id": case["id"], "group": layer, "title": case["title"], "floor": case["law"],
        "request": json.dumps(request), "resource": json.dumps(_resource(record, ask["subject"])),
        "resource_ctx": json.dumps(context),
        "consents": json.dumps([_consent(one, ask["subject"]) for one in case.get("consents", [])]),
        "dsas": json.dumps([_agreement(one) for one in case.get("agreements", [{}])]),
        "org_rules": json.dumps(case.get("rules", [])), "expect_effect": effect, "expect_layer": layer,
        "expect_reason": reason, "expect_redactions": ";".join(masked) if effect == "permit-redacted" else "",
        "expect_obligations": "", "source": "ours", "evidence": "derived", "anchor_result": "",
        "agreement": "ours", "rationale": "",
    }  # fmt: skip


def _resource(record: dict[str, Any], subject: str) -> dict[str, Any]:
    security = [{"system": V3 + "ActCode", "code": code} for code in record.get("labels", [])]
    if "level" in record:
        security.append({"system": V3 + "Confidentiality", "code": record["level"]})
    body: dict[str, Any] = {
        "resourceType": "Observation", "id": "o1", "status": "final",
        "subject": {"reference": record.get("patient", subject)},
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "note": [{"text": "as heard"}],
        "meta": {"security": security},
    }  # fmt: skip
    date = record.get("date", "2025-06-01")
    return body | ({"effectiveDateTime": date} if date else {})


def _consent(one: dict[str, Any], subject: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "resourceType": "Consent", "id": one.get("id", "c1"), "status": one.get("status", "active"),
        "scope": {"coding": [{"code": "patient-privacy"}]}, "patient": {"reference": subject},
        "dateTime": one.get("given", "2025-05-01"), "provision": _provision(one["says"]),
    }  # fmt: skip
    if "policy" in one:
        document["policy"] = [{"uri": f"urn:{one['policy']}"}]
    if "performer" in one:
        document["performer"] = [{"reference": one["performer"]}]
    return document


def _provision(says: dict[str, Any]) -> dict[str, Any]:
    told = {k: v for k, v in says.items() if k not in ("purpose", "labels", "actors", "provision")}
    if "purpose" in says:
        told["purpose"] = [{"system": V3 + "ActReason", "code": code} for code in says["purpose"]]
    if "labels" in says:
        told["securityLabel"] = [{"system": V3 + "ActCode", "code": code} for code in says["labels"]]
    if "actors" in says:
        told["actor"] = [{"reference": {"reference": who}} for who in says["actors"]]
    if "provision" in says:
        told["provision"] = [_provision(child) for child in says["provision"]]
    return told


def _agreement(one: dict[str, Any]) -> dict[str, Any]:
    signed = one.get("signed", ["gp-fern", "trust-oak"])
    term = {"purposes": one.get("purposes", ["TREAT"]), "roles": one.get("roles", []),
            "exclude_sensitivity": one.get("exclude", []), "elements_redacted": one.get("masked", []),
            "max_confidentiality": one.get("ceiling", "R")}  # fmt: skip
    return {
        "id": one.get("id", "D1"), "providers": ["gp-fern"], "recipients": ["trust-oak"],
        "status": "suspended" if "suspended" in one else "active", "effective": {"start": "2025-01-01"},
        "signatures": [{"org": org, "valid": True} for org in signed], "terms": [term],
        "emergency": one.get("emergency", False), "onward": one.get("onward", "none"),
    }  # fmt: skip


def page() -> str:
    """The whole page."""
    whole = read()
    parts = [whole["head"]]
    for case in whole["cases"]:
        effect, layer, reason = case["want"].split()
        told = [f"## {case['title']}", "", f"- law: `{case['law']}`"]
        told += [f"- {_words(name, case[name])}" for name in _NAMES if name in case]
        parts.append("\n".join([*told, f"- answer: **{effect}**, {layer} `{reason}`"]) + "\n")
    return "\n".join(parts)


_NAMES = {"ask": "asked", "record": "the record", "consents": "she said", "agreements": "agreed",
          "rules": "the practice's own rules"}  # fmt: skip


def _words(name: str, value: Any) -> str:
    if name == "consents":
        return f"{_NAMES[name]}: " + "; ".join(_said(one) for one in value)
    if not value:
        return f"{_NAMES[name]}: nothing"
    items = value if isinstance(value, list) else [value]
    return f"{_NAMES[name]}: " + "; ".join(_flat(one) for one in items)


def _said(one: dict[str, Any]) -> str:
    about = {k: v for k, v in one.items() if k != "says"}
    return _tree(one["says"]) + (f" ({_flat(about)})" if about else "")


def _tree(says: dict[str, Any]) -> str:
    data = {k: v for k, v in says.items() if k not in ("type", "provision")}
    told = says["type"] + (f" {_flat(data)}" if data else " everything")
    return told + "".join(f", but {_tree(child)}" for child in says.get("provision", []))


def _flat(value: dict[str, Any]) -> str:
    return ", ".join(f"{k} {_item(v)}" for k, v in value.items()) or "the usual"


def _item(value: Any) -> str:
    if isinstance(value, dict):
        return _flat(value)
    if isinstance(value, list):
        return " ".join(map(str, value))
    return (
        "none"
        if value is None
        else str(value).lower()
        if isinstance(value, bool)
        else f"{value}".strip() or "blank"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
