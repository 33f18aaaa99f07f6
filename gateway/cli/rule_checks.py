"""What `carepact doctor` says about the rules that decide: the pack of the law, and of the sources."""

from typing import TYPE_CHECKING

from gateway.cli.check import Check

if TYPE_CHECKING:
    from gateway.config import Settings


def check_of_floor(settings: "Settings") -> Check:
    """The pack loads, and somebody has signed it."""
    from gateway.bootstrap import open_floor

    pack = open_floor(settings)
    if not pack.signed:
        said = f"{pack.name} is signed by nobody (floor.unsafe_unsigned)"
        return Check("law", "warning", said, "have the pack checked and signed")
    return Check("law", "ok", pack.name)


def check_of_source_rules(settings: "Settings") -> Check:
    """The file of the settings, if there is one, can be read and names custodians of this node."""
    from gateway.bootstrap import open_source_rules

    found = open_source_rules(settings)().rules
    if settings.consent.source_rules is None:
        return Check("source rules", "ok", "none: no custodian holds anything back")
    held = len({rule.custodian for rule in found})
    return Check("source rules", "ok", f"{len(found)} rules of {held} custodians")
