"""No silent loss: a token planted in any leaf is in the resources, or the ledger names its place."""

import json

import pytest
from lxml import etree

from adapters.codec import encode

BODY = """<structuredBody>
<component><section><templateId root="2.16.840.1.113883.10.20.22.2.5.1"/>
<code code="11450-4" codeSystem="2.16.840.1.113883.6.1" displayName="Problem list"/><title>Problems</title>
<text>Asthma since childhood</text>
<entry><act classCode="ACT" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.3"/>
<id root="1.2.5" extension="c1"/><code code="CONC" codeSystem="2.16.840.1.113883.5.6"/>
<statusCode code="active"/><effectiveTime><low value="20100101"/></effectiveTime>
<entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN">
<templateId root="2.16.840.1.113883.10.20.22.4.4"/><id root="1.2.5" extension="p1"/>
<code code="55607006" codeSystem="2.16.840.1.113883.6.96"/><statusCode code="completed"/>
<effectiveTime><low value="20100101"/></effectiveTime>
<value xsi:type="CD" code="195967001" codeSystem="2.16.840.1.113883.6.96" displayName="Asthma"/>
</observation></entryRelationship></act></entry></section></component>
<component><section><code code="30954-2" codeSystem="2.16.840.1.113883.6.1"/><title>Results</title>
<text>See table</text><entry><organizer classCode="BATTERY" moodCode="EVN"><id root="1.2.5" extension="r1"/>
<code code="58410-2" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/><component>
<observation classCode="OBS" moodCode="EVN"><id root="1.2.5" extension="r2"/>
<code code="718-7" codeSystem="2.16.840.1.113883.6.1" displayName="Hb"/><statusCode code="completed"/>
<effectiveTime value="20240101"/><value xsi:type="PQ" value="13.2" unit="g/dL"/>
<interpretationCode code="N" codeSystem="2.16.840.1.113883.5.83"/>
<referenceRange><observationRange><text>12 to 16</text></observationRange></referenceRange>
</observation></component></organizer></entry></section></component>
<component><section><code code="10160-0" codeSystem="2.16.840.1.113883.6.1"/><title>Medicines</title>
<text><paragraph ID="s1">One a day</paragraph></text><entry>
<substanceAdministration classCode="SBADM" moodCode="EVN"><id root="1.2.5" extension="m1"/>
<text><reference value="#s1"/></text><statusCode code="active"/>
<effectiveTime xsi:type="IVL_TS"><low value="20240101"/></effectiveTime>
<effectiveTime xsi:type="PIVL_TS" operator="A"><period value="1" unit="d"/></effectiveTime>
<doseQuantity value="1" unit="mg"/><consumable><manufacturedProduct><manufacturedMaterial>
<code code="1" codeSystem="2.16.840.1.113883.6.88"><originalText>Examplol</originalText></code>
</manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration></entry></section></component>
<component><section><code code="18776-5" codeSystem="2.16.840.1.113883.6.1"/><title>Plan</title><text>Return</text>
<entry><act classCode="ACT" moodCode="RQO"><code code="9" codeSystem="1.2.6"/></act></entry></section></component>
</structuredBody>"""
TOKEN = "Zq7Planted"
SCAFFOLDING = {"classCode", "moodCode", "typeCode", "operator"}


def leaves(root):
    """Every attribute and text node below the root that is no scaffolding of XML itself."""
    for element in root.iter():
        if etree.QName(element).localname in ("templateId", "typeId"):
            continue
        for name in element.attrib:
            if "XMLSchema-instance" not in name:
                yield element, name
        if element.text and element.text.strip():
            yield element, None


def path_of(tree, element):
    steps = []
    while element is not None:
        parent = element.getparent()
        same = [e for e in parent if e.tag == element.tag] if parent is not None else [element]
        steps.append(f"{etree.QName(element).localname}[{same.index(element) + 1}]")
        element = parent
    return "/" + "/".join(reversed(steps))


def test_a_token_in_any_leaf_comes_out_or_is_accounted_for(document, normalise):
    """For each leaf in turn: the token is in a resource, or a line covers its position."""
    body = document(body=BODY)
    count = len(list(leaves(etree.fromstring(body))))
    assert count > 100
    for n in range(count):
        root = etree.fromstring(body)
        element, name = list(leaves(root))[n]
        if name is None:
            element.text = TOKEN
        else:
            element.set(name, TOKEN)
        batch = normalise(etree.tostring(root), check=n % 10 == 0)
        words = json.dumps([json.loads(encode(r)) for r in batch.resources])
        place = path_of(root, element)
        covered = [
            e
            for e in batch.losses.entries
            if e.items
            and (place + "/").startswith(e.position + "/")
            and (e.reason != "structural" or name in SCAFFOLDING or place.endswith("/statusCode[1]"))
        ]
        exact = [e for e in batch.losses.entries if e.position.startswith(place + "/")]
        assert TOKEN in words or TOKEN.lower() in words or covered or exact, (place, name)


@pytest.mark.parametrize("position", range(0, 4000, 37))
def test_a_cut_document_never_raises(position, document, normalise):
    """Bytes that break off anywhere end as unreadable, never as an exception or half a record."""
    batch = normalise(document(body=BODY)[:position])
    assert batch.quarantine == "unreadable" and batch.resources == ()
