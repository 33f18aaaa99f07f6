"""Documents that are dropped into a folder: stored once, then moved; refused ones apart; nothing half."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from adapters.interface import Source
from adapters.registry import normaliser
from adapters.specialist.folder import DropFolder
from adapters.specialist.limits import MAX_BYTES
from gateway import drops
from gateway.errors import Problem
from gateway.intake.losses import losses_of

pytestmark = pytest.mark.anyio
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
DOCUMENT = """<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2.826.0.1.99" extension="{id}"/>
  <code code="11488-4" codeSystem="2.16.840.1.113883.6.1"/><title>Letter</title>
  <effectiveTime value="20260310"/>
  <recordTarget><patientRole><id root="2.16.840.1.113883.2.1.4.1" extension="9990000018"/>
  <patient><name><given>Dropped</given><family>Letter-About</family></name><birthTime value="19700102"/></patient>
  </patientRole></recordTarget><component><structuredBody/></component></ClinicalDocument>"""


@pytest.fixture
def node(ward):
    """What the watcher needs of an open node, with a real intake."""
    return SimpleNamespace(node=SimpleNamespace(intake=ward.intake), clock=lambda: AT)


@pytest.fixture
def letters():
    source = Source("letters", "specialist", "clinic.example", b"k" * 32)
    return SimpleNamespace(source=source, normaliser=normaliser("specialist"))


@pytest.fixture
def inbox(tmp_path):
    (tmp_path / "letters-in").mkdir()
    return tmp_path / "letters-in"


@pytest.fixture
def folder(inbox):
    found = DropFolder(inbox, still=0.0, max_bytes=100_000)
    found.prepare()
    return found


async def test_a_document_is_stored_and_moved(ward, node, letters, folder, inbox):
    """Its resources are in the record when the file is in done/."""
    (inbox / "a.xml").write_text(DOCUMENT.format(id="1"))
    assert await drops.sweep(node, letters, folder) == 1
    assert [p.name for p in (inbox / "done").iterdir()] == ["a.xml"]
    (kept,) = await ward.intake.newest("letters")
    assert kept.state == "stored" and kept.person is not None
    refs = {ref.partition("/")[0] for ref in await ward.refs(kept.person)}
    assert {"Patient", "Composition", "DocumentReference"} <= refs


async def test_the_same_bytes_again_change_nothing(ward, node, letters, folder, inbox):
    """Under any name: no second original, no second version, and the file goes to done/."""
    for name in ("a.xml", "b.xml"):
        (inbox / name).write_text(DOCUMENT.format(id="1"))
        await drops.sweep(node, letters, folder)
    assert len(await ward.intake.newest("letters")) == 1
    assert sorted(p.name for p in (inbox / "done").iterdir()) == ["a.xml", "b.xml"]


async def test_what_is_no_document_goes_apart_and_stops_nobody(ward, node, letters, folder, inbox):
    """Broken XML is kept, quarantined and moved to failed/; its neighbour is stored."""
    (inbox / "a.xml").write_text("<ClinicalDocument")
    (inbox / "b.xml").write_text(DOCUMENT.format(id="2"))
    assert await drops.sweep(node, letters, folder) == 2
    assert [p.name for p in (inbox / "failed").iterdir()] == ["a.xml"]
    assert [p.name for p in (inbox / "done").iterdir()] == ["b.xml"]
    states = {one.state: one.reason for one in await ward.intake.newest("letters")}
    assert states == {"stored": None, "quarantined": "unreadable"}


async def test_a_database_that_does_not_store_leaves_the_file(ward, node, letters, folder, inbox):
    """Nothing is moved, nothing is kept; the next round stores it."""
    (inbox / "a.xml").write_text(DOCUMENT.format(id="1"))
    write, ward.database.write = ward.database.write, _full
    with pytest.raises(Problem):
        await drops.sweep(node, letters, folder)
    ward.database.write = write
    assert (inbox / "a.xml").exists() and await ward.intake.newest("letters") == ()
    assert await drops.sweep(node, letters, folder) == 1


async def _full(_):
    raise Problem("unavailable")


async def test_a_file_over_the_limit_and_a_link_go_apart(ward, node, letters, inbox):
    """Neither is read into a record; both are out of the way."""
    folder = DropFolder(inbox, still=0.0, max_bytes=10)
    folder.prepare()
    (inbox / "big.xml").write_text(DOCUMENT.format(id="1"))
    (inbox / "link.xml").symlink_to("/etc/hostname")
    assert await drops.sweep(node, letters, folder) == 2
    assert sorted(p.name for p in (inbox / "failed").iterdir()) == ["big.xml", "link.xml"]
    assert await ward.intake.newest("letters") == ()


async def test_a_document_over_a_limit_of_its_form_says_so(ward, node, letters, inbox, folder):
    """Too many attributes of one element, or too many bytes: kept, refused, one line `failed/limit`."""
    attributes = " ".join(f'a{n}="1"' for n in range(300))
    (inbox / "a.xml").write_text(DOCUMENT.format(id="1").replace("<title>", f"<title {attributes}>"))
    large = DropFolder(inbox, still=0.0, max_bytes=2 * MAX_BYTES)
    (inbox / "b.xml").write_text(DOCUMENT.format(id="2").replace("Letter", "L" * MAX_BYTES))
    assert await drops.sweep(node, letters, large) == 2
    for kept in await ward.intake.newest("letters"):
        lines = await ward.database.read(lambda c, kept=kept: losses_of(c, kept.intake))
        assert kept.state == "quarantined"
        assert [(one.disposition, one.reason, one.items) for one in lines] == [("failed", "limit", 1)]
    assert len(list((inbox / "failed").iterdir())) == 2


async def test_a_refused_document_is_looked_at_again_when_it_is_dropped_again(
    ward, node, letters, folder, inbox
):
    """The index, or we, may know more by now; the original is the same one, not a second."""
    unready = SimpleNamespace(source=letters.source, normaliser=SimpleNamespace(normalise=_raise))
    (inbox / "a.xml").write_text(DOCUMENT.format(id="1"))
    await drops.sweep(node, unready, folder)
    assert [one.state for one in await ward.intake.newest("letters")] == ["quarantined"]
    (inbox / "a.xml").write_text(DOCUMENT.format(id="1"))
    await drops.sweep(node, letters, folder)
    assert [one.state for one in await ward.intake.newest("letters")] == ["stored"]


def _raise(*_):
    raise RuntimeError
