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
SCT = 'codeSystem="2.16.840.1.113883.6.96"'
WHO = """<assignedEntity><id root="1.2.7" extension="n1"/><assignedPerson><name><family>Doer</family></name>
</assignedPerson></assignedEntity>"""
DEVICE = f"""<participant typeCode="PRD"><participantRole classCode="MANU">
<id root="2.16.840.1.113883.3.3719" extension="(01)17"/><playingDevice><code code="14106009" {SCT}/>
<manufacturerModelName>Model Z</manufacturerModelName></playingDevice>
<scopingEntity><desc>Maker</desc></scopingEntity></participantRole></participant>"""


def _section(code, *acts):
    entries = "".join(f"<entry>{act}</entry>" for act in acts)
    return f"""<component><section><code code="{code}" codeSystem="2.16.840.1.113883.6.1"/><title>T{code}</title>
    <text><paragraph ID="w{code}">Words of {code}</paragraph></text>{entries}</section></component>"""


VISIT = f"""<encounter classCode="ENC" moodCode="EVN"><id root="1.2.5" extension="e1"/>
<code code="99213" codeSystem="2.16.840.1.113883.6.12" displayName="Office visit"/>
<statusCode code="completed"/><effectiveTime><low value="20240101"/></effectiveTime>
<sdtc:dischargeDispositionCode code="01" codeSystem="2.16.840.1.113883.12.112"/>
<performer>{WHO}</performer><participant typeCode="LOC"><participantRole classCode="SDLOC">
<code code="1160-1" codeSystem="2.16.840.1.113883.6.259"/><addr><city>Testham</city></addr>
<playingEntity><name>Ward</name></playingEntity></participantRole></participant>
<entryRelationship typeCode="COMP"><act classCode="ACT" moodCode="EVN"><code code="29308-4"
codeSystem="2.16.840.1.113883.6.1"/><entryRelationship typeCode="SUBJ"><observation classCode="OBS"
moodCode="EVN"><value xsi:type="CD" code="64109004" {SCT}/></observation></entryRelationship></act>
</entryRelationship></encounter>"""
NOTE = """<act classCode="ACT" moodCode="EVN"><code code="34109-9" codeSystem="2.16.840.1.113883.6.1"/>
<text><reference value="#w34109-9"/></text><statusCode code="completed"/><effectiveTime value="20240101"/>
<author><time value="20240102101500+0000"/><assignedAuthor><id root="1.2.7" extension="n2"/></assignedAuthor>
</author><entryRelationship typeCode="COMP"><encounter classCode="ENC" moodCode="EVN">
<id root="1.2.5" extension="e1"/></encounter></entryRelationship></act>"""
FATHER = f"""<organizer classCode="CLUSTER" moodCode="EVN"><id root="1.2.5" extension="f1"/>
<statusCode code="completed"/><effectiveTime value="2024"/><subject><relatedSubject classCode="PRS">
<code code="FTH" codeSystem="2.16.840.1.113883.5.111"/><subject><name>Old</name>
<administrativeGenderCode code="M" codeSystem="2.16.840.1.113883.5.1"/><birthTime value="1920"/>
<sdtc:deceasedInd value="true"/></subject></relatedSubject></subject><component><observation classCode="OBS"
moodCode="EVN"><code code="64572001" {SCT}/><effectiveTime value="1970"/><value xsi:type="CD" code="22298006"
{SCT}/></observation></component><component><observation classCode="OBS" moodCode="EVN" negationInd="true">
<code code="64572001" {SCT}/><value xsi:type="CD" code="1" {SCT}/></observation></component></organizer>"""
USED = f"""<supply classCode="SPLY" moodCode="EVN"><id root="1.2.5" extension="s1"/><statusCode code="active"/>
<effectiveTime value="20240501"/>{DEVICE}<entryRelationship typeCode="COMP"><organizer classCode="CLUSTER"
moodCode="EVN"><component><observation classCode="OBS" moodCode="EVN"><code code="C101671"
codeSystem="2.16.840.1.113883.3.26.1.1"/><value xsi:type="ED">S77</value></observation></component></organizer>
</entryRelationship></supply>"""
SCALE = """<observation classCode="OBS" moodCode="EVN"><id root="1.2.5" extension="a1"/>
<code code="9269-2" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/><value xsi:type="INT"
value="15"/><entryRelationship typeCode="COMP"><observation classCode="OBS" moodCode="EVN">
<code code="9267-6" codeSystem="2.16.840.1.113883.6.1"/><value xsi:type="INT" value="4"/></observation>
</entryRelationship></observation>"""
PRESSURE = """<organizer classCode="CLUSTER" moodCode="EVN"><id root="1.2.5" extension="v0"/>
<code code="46680005" codeSystem="2.16.840.1.113883.6.96"/><statusCode code="completed"/>
<component><observation classCode="OBS" moodCode="EVN"><id root="1.2.5" extension="v1"/>
<code code="8480-6" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/>
<effectiveTime value="20240101"/><value xsi:type="PQ" value="132" unit="mm[Hg]"/></observation></component>
<component><observation classCode="OBS" moodCode="EVN"><id root="1.2.5" extension="v2"/>
<code code="8462-4" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/>
<effectiveTime value="20240101"/><value xsi:type="PQ" value="86" unit="mm[Hg]"/></observation></component>
</organizer>"""
DONE = f"""<procedure classCode="PROC" moodCode="EVN"><id root="1.2.5" extension="d1"/><code code="307280005" {SCT}/>
<statusCode code="completed"/><effectiveTime value="20240501"/><targetSiteCode code="80891009" {SCT}/>
<performer>{WHO}</performer>{DEVICE}</procedure>"""
PLANNED = f"""<procedure classCode="PROC" moodCode="INT"><id root="1.2.5" extension="i1"/>
<code code="73761001" {SCT}/><statusCode code="active"/><effectiveTime value="20260601"/>
<priorityCode code="UR" codeSystem="2.16.840.1.113883.5.7"/></procedure>"""
COMING = f"""<encounter classCode="ENC" moodCode="APT"><id root="1.2.5" extension="i2"/><code code="185349003" {SCT}/>
<effectiveTime><low value="202606011000+0000"/><high value="202606011030+0000"/></effectiveTime></encounter>"""
GIVEN = """<substanceAdministration classCode="SBADM" moodCode="EVN"><id root="1.2.5" extension="g1"/>
<statusCode code="completed"/><effectiveTime value="20240101"/><repeatNumber value="2"/>
<routeCode code="C28161" codeSystem="2.16.840.1.113883.3.26.1.1"/><doseQuantity value="0.5" unit="mL"/>
<consumable><manufacturedProduct><manufacturedMaterial><code code="88" codeSystem="2.16.840.1.113883.12.292"/>
<name>Flu vaccine</name><lotNumberText>L1</lotNumberText></manufacturedMaterial><manufacturerOrganization>
<name>Maker</name></manufacturerOrganization></manufacturedProduct></consumable></substanceAdministration>"""
ALLERGY = f"""<observation classCode="OBS" moodCode="EVN"><id root="1.2.5" extension="y1"/><code code="ASSERTION"
codeSystem="2.16.840.1.113883.5.4"/><value xsi:type="CD" code="419199007" {SCT}/><participant typeCode="CSM">
<participantRole classCode="MANU"><playingEntity classCode="MMAT"><code code="102263004" {SCT}/></playingEntity>
</participantRole></participant><entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN">
<code code="SEV" codeSystem="2.16.840.1.113883.5.4"/><value xsi:type="CD" code="24484000" {SCT}
displayName="Severe"/></observation></entryRelationship></observation>"""
OTHERS = "".join(
    [
        "<structuredBody>",
        _section("46240-8", VISIT),
        _section("34109-9", NOTE),
        _section("10157-6", FATHER),
        _section("46264-8", USED),
        _section("47420-5", SCALE),
        _section("8716-3", PRESSURE),
        _section("47519-4", DONE),
        _section("18776-5", PLANNED, COMING),
        _section("11369-6", GIVEN),
        _section("29549-3", GIVEN.replace('"g1"', '"g2"')),
        _section("48765-2", ALLERGY),
        "</structuredBody>",
    ]
)
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


@pytest.mark.parametrize("sections", [BODY, OTHERS], ids=["first", "others"])
def test_a_token_in_any_leaf_comes_out_or_is_accounted_for(sections, document, normalise):
    """For each leaf in turn: the token is in a resource, or a line covers its position."""
    body = document(body=sections)
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
