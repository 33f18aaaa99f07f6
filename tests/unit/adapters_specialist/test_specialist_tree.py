"""The tree of a document: what counts, what can be pointed at, how deep it may be, and that it goes at once."""

import pytest

from adapters.specialist.markup import Unreadable, find, parse
from adapters.specialist.reader import Document
from adapters.specialist.tree import Tree

V3 = 'xmlns="urn:hl7-org:v3"'


def nested(depth):
    return f"<ClinicalDocument {V3}>{'<a>' * (depth - 1)}{'</a>' * (depth - 1)}</ClinicalDocument>".encode()


def test_words_are_one_text_however_they_are_written():
    """Comments, instructions, character references and CDATA sections do not cut a text."""
    root, _ = parse(
        f"<ClinicalDocument {V3}><title>a<!-- c -->b<?p?>&#99;<![CDATA[<d>]]></title></ClinicalDocument>".encode()
    )
    assert find(root, "title").text == "abc<d>"


def test_a_document_may_be_256_elements_deep_and_no_deeper():
    """What walks down a tree never meets one that is deeper than it can go."""
    assert parse(nested(256))[0].name == "ClinicalDocument"
    with pytest.raises(Unreadable):
        parse(nested(257))


def test_a_long_text_is_read_in_a_time_that_its_length_explains():
    """Words come in one piece, not in thousands that are joined one by one."""
    body = f"<ClinicalDocument {V3}><title>{'word ' * 1_000_000}</title></ClinicalDocument>".encode()
    pieces = []

    class Counting(Tree):
        def _words(self, words):
            pieces.append(len(words))
            super()._words(words)

    assert find(Counting(body).root, "title").text.endswith("word ") and len(pieces) <= 2


@pytest.mark.parametrize(
    "inner",
    [
        "<section><text><table><tbody><tr><td ID='t'>w</td></tr></tbody></table></text></section>",
        "<templateId><x><y/></x></templateId>",
        "<entry><observation><code code='1'/></observation></entry>",
    ],
)
def test_a_tree_that_nobody_holds_leaves_no_circle(inner):
    """The collector does not see nodes, so the ways up are cut: in entries, narratives and template ids."""
    tree = Tree(f"<ClinicalDocument {V3}>{inner}</ClinicalDocument>".encode())
    nodes = list(tree.root.all())
    assert all(node.parent is not None for node in nodes[1:])
    del tree
    assert all(node.parent is None for node in nodes)


def test_a_document_that_ends_too_early_leaves_no_circle_either():
    """Also a tree that was never finished is taken apart."""
    held = []

    class Watched(Tree):
        def _end(self, tag):
            held.append(self._at)
            super()._end(tag)

    body = f"<ClinicalDocument {V3}><section><text><b><i/></b>".encode()
    with pytest.raises(Exception, match="no element"):
        Watched(body)
    assert held and all(node.parent is None for node in held)


def test_an_id_is_that_of_the_first_passage_that_bears_it():
    """In narratives and in the texts of entries, nowhere else."""
    body = (
        f"<ClinicalDocument {V3}><title ID='n'>no</title><section><text ID='s'><p ID='a'>first</p><p ID='a'>second</p>"
        "</text><entry><act><text><reference ID='r' value='#a'/></text></act></entry></section></ClinicalDocument>"
    ).encode()
    doc = Document(body)
    assert set(doc.tree.passages) == {"s", "a", "r"} and doc.tree.passages["a"].text == "first"
