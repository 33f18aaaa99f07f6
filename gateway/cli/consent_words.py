"""A consent in a few words for people, from its view; what was received stays the record."""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from consent.interface import StoredConsent
    from consent.provision import Actor, Provision


def row_from_consent(stored: "StoredConsent") -> dict[str, Any]:
    """One version as a flat mapping; no patient, no names."""
    from consent.instants import instant_text
    from consent.record import consent_from_stored

    view = consent_from_stored(stored)
    root = json.loads(stored.document).get("provision") or {}
    return {
        "id": stored.id,
        "version": stored.version,
        "status": view.status if view.uncomputable is None else "uncomputable",
        "says": words_from_provision(view.root),
        "to": _references(view.root.actors),
        "custodians": sorted(view.organizations),
        "except": [_exception(child, view.root) for child in view.root.children],
        "data_from": root.get("dataPeriod", {}).get("start"),
        "data_to": root.get("dataPeriod", {}).get("end"),
        "from": root.get("period", {}).get("start"),
        "until": root.get("period", {}).get("end"),
        "recorded": instant_text(stored.recorded),
        "recorder": stored.recorder,
    }


def with_voice(known: "Sequence[StoredConsent]") -> list[dict[str, Any]]:
    """A row each. `speaks`: it is the last version, active, and no newer consent of its key silences it."""
    from consent.patient import superseding
    from consent.record import consent_from_stored

    last = {one.id: one for one in known}
    speak = {(view.id, view.version) for view in superseding([consent_from_stored(v) for v in last.values()])}
    return [row_from_consent(one) | {"speaks": (one.id, one.version) in speak} for one in known]


def words_from_provision(rule: "Provision") -> str:
    """`permit TREAT`, `deny HRESCH label:PSY`, `permit anything`."""
    parts = [*(sorted(rule.purposes.codes) if rule.purposes else ()), *_data(rule)]
    return f"{rule.type} {' '.join(parts) or 'anything'}"


def _exception(child: "Provision", parent: "Provision") -> str:
    """What a child takes out, or gives back; actors only where they differ from the parent's."""
    data = " ".join(_data(child))
    purposes = " ".join(sorted(child.purposes.codes)) if child.purposes else ""
    said = " ".join(part for part in (purposes, data) if part) or "anything"
    to = _references(child.actors) if child.actors != parent.actors else []
    deeper = f" but {', '.join(_exception(one, child) for one in child.children)}" if child.children else ""
    return said + (f" to {' '.join(to)}" if to else "") + deeper


def _data(rule: "Provision") -> Iterator[str]:
    from consent.vocabulary import LADDER

    if rule.labels:
        yield from (f"label:{code}" for code in sorted(rule.labels.sensitivities))
        yield from (f"label:{LADDER[level]}" for level in sorted(rule.labels.levels))
    if rule.classes:
        yield from (f"class:{code}" for code in sorted(rule.classes.codes))
    if rule.codes:
        yield from (f"code:{code}" for code in sorted(rule.codes.codes))
    if rule.data:
        yield f"{len(rule.data)} named resource{'s' if len(rule.data) > 1 else ''}"


def _references(actors: "tuple[Actor, ...] | None") -> list[str]:
    found = [actor.reference or "unknown" for actor in actors or ()]
    return sorted(reference.removeprefix("Organization/") for reference in found)
