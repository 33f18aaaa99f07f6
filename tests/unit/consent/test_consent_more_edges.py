"""More edges that only a changed sign shows: the end of a permitted span, the oldest child, who gave a consent."""

from dataclasses import replace
from typing import Any

from consent.digest import ResourceContext
from consent.plan import plan
from consent.record import consent_from_json


def said(world: Any, *consents: Any, **parts: Any) -> str:
    return str(world.scene.but(consents=consents, **parts).decide().reason)


def test_data_that_ends_with_the_permitted_span_is_within_it(world: Any) -> None:
    """Both ends belong to a dataPeriod: the same last microsecond is inside, one later is not."""
    for end, want in (("2024-05-02T00:00:00Z", "consent-permit"),
                      ("2024-05-02T00:00:00.000001Z", "outside-permitted-data")):  # fmt: skip
        resource = world.observation(effectivePeriod={"start": "2024-05-01", "end": end})
        del resource["effectiveDateTime"]
        span = {"start": "2024", "end": "2024-05-02T00:00:00Z"}
        assert said(world, world.consent({"type": "permit", "dataPeriod": span}), resource=resource) == want


def test_no_pack_lets_a_parent_act_for_who_is_sixteen(world: Any) -> None:
    """Whatever `parental_until` says, the right ends on the sixteenth birthday."""
    register, floor = world.scene.directory, replace(world.scene.floor, parental_until=21)
    resource = {**world.observation(), "subject": {"reference": world.child}}
    asking = {
        "person": "RelatedPerson/mother",
        "purpose": ("FAMRQT",),
        "subject": world.child,
        "practitioner": None,
    }
    for birth, want in (("2010-03-01", "proxy-suspended-age"), ("2010-03-02", "proxy-access")):
        births = replace(register, births={**register.births, world.child: birth})
        assert said(world, asking=asking, resource=resource, directory=births, floor=floor) == want


def test_the_patient_who_gives_her_own_consent_is_the_one_it_is_about(world: Any) -> None:
    """Her name in `performer` is read as the local patient's; another's, and one that nobody can read, is not."""
    document = world.consent({"type": "permit"}, patient={"reference": "Patient/as-the-sender-calls-her"})
    for performer, want in (
        ({"reference": "Patient/as-the-sender-calls-her"}, world.patient),
        ({"reference": "RelatedPerson/mother"}, "RelatedPerson/mother"),
        ({"display": "her"}, None),
    ):
        view = consent_from_json({**document, "performer": [performer]}, patient=world.patient)
        assert view.performers == (want,)


def test_a_delegate_without_exclusions_sees_what_a_parent_of_an_adolescent_does_not(world: Any) -> None:
    """The adolescent's exclusions narrow a parental right; a delegate's is as wide as the patient made it."""
    hidden = sorted(world.scene.floor.adolescent_exclude)[0]
    register = world.scene.directory
    delegate = replace(register.proxies[0], proxy="RelatedPerson/aunt", patient=world.teen, kind="delegate")
    parent = replace(delegate, proxy="RelatedPerson/father", kind="parental")
    directory = replace(register, proxies=(delegate, parent), births={world.teen: "2013-06-01"})
    floor = replace(world.scene.floor, parental_until=16)
    resource = {**world.observation(hidden), "subject": {"reference": world.teen}}
    for right, want in ((delegate, "proxy-access"), (parent, "proxy-excluded-label")):
        asking = {"person": right.proxy, "purpose": ("FAMRQT",), "subject": world.teen, "practitioner": None}
        assert said(world, asking=asking, resource=resource, directory=directory, floor=floor) == want


def test_of_several_patients_reasons_the_strongest_basis_is_named(world: Any) -> None:
    """A result of two people: the law presumes for one, the other said yes; her consent is the reason told."""
    other = "Patient/patient-who-is-somebody-else"
    yes = world.consent({"type": "permit"}, patient={"reference": other})
    for patients in ((world.patient, other), (other, world.patient)):
        scene = world.scene.but(
            pack="opt-out", consents=(yes,), context=ResourceContext("gp-fern", patients=patients)
        )
        decision = scene.decide()
        assert (decision.effect, decision.layer, decision.reason) == ("permit", "L3", "consent-permit")


def test_anothers_word_for_who_the_person_is_needs_an_agreement_or_one_house(world: Any) -> None:
    """Of the purpose, and in force; of a question that names no person there is nothing to believe."""
    asking = {"person": world.patient, "purpose": ("PATRQT",), "practitioner": None, "roles": ()}
    for purposes, org, want in (
        (["TREAT"], "ward-ash", "dsa-purpose"), (["PATRQT"], "ward-ash", None), (["TREAT"], "desk-fern", None),
    ):  # fmt: skip
        agreed = world.signed(world.agreement(terms=[{"purposes": purposes}]))
        scene = world.scene.but(agreements=(agreed,), asking={**asking, "org": org})
        made = plan(scene.request, scene.directory, scene.floor, scene.agreements, ())
        found = made.unvouched("gp-fern")
        assert (None if found is None else found.reason) == want, (purposes, org)
    scene = world.scene.but(agreements=())
    assert plan(scene.request, scene.directory, scene.floor, (), ()).unvouched("gp-fern") is None
