"""What a pull states about itself: an emergency is said in full or not at all."""

import pytest

from adapters.interface import Identifier
from gateway.cli.purpose import purpose_from_options
from gateway.errors import Problem

HER = Identifier("https://fhir.nhs.uk/Id/nhs-number", "9990000018")
USER, WHY = "urn:staff|7", "found unconscious in the street"


def test_an_emergency_is_for_this_patient_by_this_user() -> None:
    """ETREAT unless another purpose is named; the user as the assertion spells her; the reason trimmed."""
    asked = purpose_from_options(HER, None, "doctor", USER, f" {WHY} ")
    assert (asked.code, asked.practitioner) == ("ETREAT", "urn:staff#7")
    assert asked.emergency == {"reason": WHY, "patient": f"{HER.system}|{HER.value}"}
    assert purpose_from_options(HER, "BTG", "doctor", USER, WHY).code == "BTG"
    plain = purpose_from_options(HER, None, "doctor", None, None)
    assert (plain.code, plain.practitioner, plain.emergency) == ("TREAT", None, None)


@pytest.mark.parametrize(
    ("user", "why", "option"),
    [(USER, "help", "--emergency"), (USER, " " * 40, "--emergency"), (USER, "x" * 501, "--emergency"),
     (None, WHY, "--practitioner")],
)  # fmt: skip
def test_an_emergency_without_a_reason_or_a_name_is_not_declared(
    user: str | None, why: str, option: str
) -> None:
    """Nothing is asked: the option that lacks something is named."""
    with pytest.raises(Problem) as refused:
        purpose_from_options(HER, None, "doctor", user, why)
    assert refused.value.expression == option
