"""What is computable and may still mean something else than its author thinks (consent.md 14, "linted").

A caution refuses nothing: the consent is stored and decides as it is written.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from consent.provision import LabelFilter, Provision
from consent.record import ConsentView
from consent.vocabulary import RESTRICTED


@dataclass(frozen=True, slots=True)
class Caution:
    """`code` is stable, `path` an element of the Consent, `said` a constant text."""

    code: str
    path: str
    said: str


_SAID = {
    "rejected-is-silent": "a rejected consent says nothing: record a refusal as a provision of type deny",
    "limit": "this permits nothing but these data: all else that the law would allow is withheld",
    "never-matches": "data with a sensitivity are R at least: a permit up to N never covers them",
    "person-denied": "requests of her organisation that name no user are denied too: it could be her",
    "emergency-refused": "this refuses emergencies: no break-glass opens what it covers",
    "restores-only": "a permit inside a refusal of some data takes it back, and grants nothing itself",
}


def _caution(code: str, path: str) -> Caution:
    return Caution(code, path, _SAID[code])


def cautions_of_consent(view: ConsentView, *, opt_out: bool = True) -> tuple[Caution, ...]:
    """Of one version. `opt_out`: the law presumes consent to some purpose, so that silence permits."""
    found = [*_of_root(view, opt_out)]
    for node in _nodes(view.root):
        found += _of_node(node)
    return tuple(found)


def tied(views: Sequence[ConsentView]) -> tuple[bool, ...]:
    """Which of one patient's consents have another's key and instant: neither supersedes, both speak."""
    keys = [_key(view) for view in views]
    times = Counter(keys)
    return tuple(key is not None and times[key] > 1 for key in keys)


TIE = Caution(
    "same-key-tie",
    "Consent.dateTime",
    "another consent has this scope, organisations, policies and instant: both speak",
)


SILENCES = Caution(
    "silences-another",
    "Consent.dateTime",
    "an older consent with this scope, organisations and policies no longer speaks, neither what it permits "
    "nor what it refuses, also after this one is withdrawn: repeat here what is still to hold",
)


WITHOUT_RIGHT = Caution(
    "performer-without-right",
    "Consent.performer",
    "no verified right of whoever gave it is on record for that instant: its permit does not count",
)


def _key(view: ConsentView) -> tuple[object, ...] | None:
    if view.status != "active" or view.given is None:
        return None
    return view.scopes, view.organizations, view.policies, view.given


def _of_root(view: ConsentView, opt_out: bool) -> Iterator[Caution]:
    root = view.root
    if view.status == "rejected":
        yield _caution("rejected-is-silent", "Consent.status")
    if opt_out and root.type == "permit" and root.has_data_side:
        yield _caution("limit", f"Consent.{root.path}")


def _of_node(node: Provision) -> Iterator[Caution]:
    path = f"Consent.{node.path}"
    if node.type == "permit" and _never_matches(node.labels):
        yield _caution("never-matches", f"{path}.securityLabel")
    if node.type != "deny":
        return
    if any((actor.reference or "").startswith("Practitioner/") for actor in node.actors or ()):
        yield _caution("person-denied", f"{path}.actor")
    if node.names_emergency:
        yield _caution("emergency-refused", f"{path}.purpose")
    if node.has_data_side and any(child.type == "permit" for child in node.children):
        yield _caution("restores-only", f"{path}.provision")


def _never_matches(labels: LabelFilter | None) -> bool:
    """What has a sensitivity is R at least."""
    if labels is None or not labels.sensitivities or not labels.levels:
        return False
    return max(labels.levels) < RESTRICTED


def _nodes(root: Provision) -> Iterator[Provision]:
    yield root
    for child in root.children:
        yield from _nodes(child)
