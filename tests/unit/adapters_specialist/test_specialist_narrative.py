"""Narrative: every word kept, nothing that acts, and what points at a passage finds it."""

import pytest
from lxml import etree

RICH = """<paragraph ID="p1">First <content styleCode="Bold" ID="b1">bold</content> &lt;tag&gt; &amp; more</paragraph>
<list listType="ordered"><caption>Plan</caption><item ID="i1">one</item><item>two</item></list>
<table border="1"><thead><tr><th>Drug</th><th>Dose</th></tr></thead>
<tbody><tr ID="row1"><td ID="cell1">Examplol</td><td colspan="2">5 mg</td></tr></tbody></table>
<linkHtml href="https://clinic.example/x">site</linkHtml> <linkHtml href="#p1">up</linkHtml><br/>
<footnote ID="f1">note</footnote>"""


def narrative_of(batch):
    composition = next(r for r in batch.resources if r["resourceType"] == "Composition")
    return composition["section"][0]["text"]["div"]


def test_every_construct_becomes_its_xhtml(document, section, normalise):
    """Paragraphs, emphasis, lists with caption, tables, links, notes; well-formed, words unchanged."""
    div = narrative_of(normalise(document(section("10164-2", text=RICH))))
    tree = etree.fromstring(div)
    words = " ".join("".join(tree.itertext()).split())
    for expected in ("First bold <tag> & more", "Plan", "onetwo", "Examplol", "5 mg", "site up", "note"):
        assert expected in words
    for part in (
        '<p id="p1">First <span id="b1"><b>bold</b></span> &lt;tag&gt; &amp; more</p>',
        '<ol><li id="i1">one</li><li>two</li></ol>',
        '<table border="1"><thead>',
        '<td colspan="2">5 mg</td>',
        '<a href="https://clinic.example/x">site</a>',
        '<a href="#p1">up</a><br/>',
    ):
        assert part in div


@pytest.mark.parametrize(
    "evil",
    [
        '<linkHtml href="javascript:alert(1)">click</linkHtml>',
        '<linkHtml href=" JavaScript:alert(1)">click</linkHtml>',
        '<linkHtml href="data:text/html,x">click</linkHtml>',
        '<linkHtml href="//evil.example/x">click</linkHtml>',
        '<paragraph onclick="alert(1)" style="position:fixed">click</paragraph>',
        "<script>alert(1)</script>click",
        '<content styleCode="x&quot; onload=&quot;alert(1)">click</content>',
        '<paragraph ID="a&quot; onload=&quot;alert(1)">click</paragraph>',
        '<renderMultiMedia referencedObject="mm1"/>click',
        '<img src="x" onerror="alert(1)"/>click',
        "<paragraph>&lt;script&gt;alert(1)&lt;/script&gt;click</paragraph>",
        '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">click</svg>',
    ],
)
def test_nothing_that_acts_comes_through(evil, document, section, normalise):
    """Scripts, styles, events, images and foreign links are gone; the words stay."""
    tree = etree.fromstring(narrative_of(normalise(document(section("10164-2", text=evil)))))
    assert "click" in "".join(tree.itertext())
    for element in tree.iter():
        assert etree.QName(element).localname in {"div", "p", "span", "b", "a"}
        assert set(element.attrib) <= {"id", "href"}
        assert element.get("href", "#").startswith(("http://", "https://", "#"))


def test_what_was_dropped_is_listed(document, section, normalise):
    """A picture that goes has a line (not-mapped/policy) that does not change the sums."""
    batch = normalise(document(section("10164-2", text='<renderMultiMedia referencedObject="m"/>words')))
    line = next(e for e in batch.losses.entries if e.reason == "policy")
    assert (line.items, line.disposition) == (0, "not-mapped")


def test_a_narrative_only_section_is_whole(document, section, normalise, one):
    """No entries, unknown code: title, code and words are a Composition section all the same."""
    batch = normalise(document(section("99999-9", text="Only words")))
    found = one(batch, "Composition")["section"][0]
    assert found["title"] == "Part" and found["code"]["coding"][0]["code"] == "99999-9"
    assert "Only words" in found["text"]["div"] and "entry" not in found


def test_sub_sections_are_nested(document, section, normalise, one):
    """A section inside a section is one inside one."""
    inner = f"<component>{section('10164-2', text='Inner words')}</component>"
    outer = section("51848-0").replace("</section>", inner + "</section>")
    found = one(normalise(document(outer)), "Composition")["section"][0]
    assert "Inner words" in found["section"][0]["text"]["div"]


def test_a_section_that_says_it_has_nothing(document, normalise, one):
    """nullFlavor NI without words: emptyReason unavailable, and something to read (cmp-1)."""
    empty = (
        '<section nullFlavor="NI"><code code="48765-2" codeSystem="2.16.840.1.113883.6.1"/>'
        "<title>Allergies</title></section>"
    )
    found = one(normalise(document(empty)), "Composition")["section"][0]
    assert found["emptyReason"]["coding"][0]["code"] == "unavailable"
    assert found["text"]["status"] == "empty"


def test_references_become_words(document, section, normalise, one):
    """originalText by #id is the cell's text; an entry's text by #id is its row with the header row."""
    act = """<observation classCode="OBS" moodCode="EVN"><id root="1.2.3" extension="1"/>
      <code code="1" codeSystem="2.16.840.1.113883.6.1"><originalText><reference value="#cell1"/></originalText></code>
      <text><reference value="#row1"/></text><statusCode code="completed"/></observation>"""
    observation = one(normalise(document(section("30954-2", act, text=RICH))), "Observation")
    assert observation["code"]["text"] == "Examplol"
    assert "<th>Drug</th>" in observation["text"]["div"] and "5 mg" in observation["text"]["div"]
    assert "Plan" not in observation["text"]["div"]


def test_a_dead_reference_is_a_line(document, section, normalise, one):
    """An id that is nowhere: rejected/bad-reference, and no invented words."""
    act = """<observation classCode="OBS" moodCode="EVN">
      <code code="1" codeSystem="2.16.840.1.113883.6.1"><originalText><reference value="#nowhere"/></originalText></code>
      <statusCode code="completed"/></observation>"""
    batch = normalise(document(section("30954-2", act)))
    assert "text" not in one(batch, "Observation")["code"]
    assert "bad-reference" in [e.reason for e in batch.losses.entries]
