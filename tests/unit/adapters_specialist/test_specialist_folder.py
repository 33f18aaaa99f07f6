"""A drop folder: what counts as complete, what is never read, where files go."""

import os

import pytest

from adapters.specialist.folder import DropFolder, TooLarge
from gateway.source_settings import SourceSettings


@pytest.fixture
def drop(tmp_path):
    def make(**more):
        folder = DropFolder(tmp_path, max_bytes=100, **more)
        folder.prepare()
        return folder

    return make


def test_a_file_is_complete_when_it_has_stood_still(drop, tmp_path):
    """Five seconds without a change of size or time, as seen by us; a change starts them anew."""
    folder = drop()
    (tmp_path / "a.xml").write_bytes(b"<a/>")
    assert folder.ready(100.0) == [] and folder.ready(104.9) == []
    assert folder.ready(105.0) == ["a.xml"]
    (tmp_path / "a.xml").write_bytes(b"<a>more</a>")
    assert folder.ready(106.0) == [] and folder.ready(111.0) == ["a.xml"]


def test_with_a_suffix_agreed_nothing_else_is_taken(drop, tmp_path):
    """The name says that it is complete; another file may pause as long as it likes."""
    folder = drop(suffix=".ready")
    (tmp_path / "a.ready").write_bytes(b"<a/>")
    (tmp_path / "b.xml").write_bytes(b"<b/>")
    assert folder.ready(0.0) == ["a.ready"] and folder.ready(1000.0) == ["a.ready"]


def test_the_oldest_comes_first_and_hidden_names_are_left_alone(drop, tmp_path):
    """A correction must not be taken in before what it corrects."""
    folder = drop(still=0.0)
    for name, age in (("a.xml", 200), ("b.xml", 100), (".part", 50)):
        (tmp_path / name).write_bytes(b"<x/>")
        os.utime(tmp_path / name, (age, age))
    assert folder.ready(0.0) == ["b.xml", "a.xml"]


def test_links_and_pipes_are_never_read(drop, tmp_path, tmp_path_factory):
    """Neither through a link that was there, nor one that took the file's place after it was seen."""
    secret = tmp_path_factory.mktemp("else") / "secret"
    secret.write_bytes(b"not yours")
    folder = drop(still=0.0)
    (tmp_path / "link.xml").symlink_to(secret)
    os.mkfifo(tmp_path / "pipe.xml")
    assert folder.ready(0.0) == [] and sorted(folder.strays()) == ["link.xml", "pipe.xml"]
    for name in ("link.xml", "pipe.xml"):
        with pytest.raises(OSError):
            folder.read(name)
        assert folder.finish(name, stored=False)
    assert (tmp_path / "failed" / "link.xml").is_symlink() and secret.read_bytes() == b"not yours"


def test_a_folder_whose_done_is_a_link_is_refused(tmp_path, tmp_path_factory):
    """Nothing of a patient is moved to where somebody else points."""
    (tmp_path / "done").symlink_to(tmp_path_factory.mktemp("else"))
    with pytest.raises(OSError):
        DropFolder(tmp_path, max_bytes=1).prepare()


def test_a_file_over_the_limit_is_told_apart(drop, tmp_path):
    """At the limit it is read, over it is `TooLarge`."""
    folder = drop()
    (tmp_path / "a.xml").write_bytes(b"x" * 100)
    assert folder.read("a.xml") == b"x" * 100
    (tmp_path / "a.xml").write_bytes(b"x" * 101)
    with pytest.raises(TooLarge):
        folder.read("a.xml")


def test_equal_names_do_not_overwrite_each_other(drop, tmp_path):
    """What was moved stays, under a name of its own."""
    folder = drop()
    for body in (b"1", b"2", b"3"):
        (tmp_path / "a.xml").write_bytes(body)
        assert folder.finish("a.xml", stored=True)
    found = {p.name: p.read_bytes() for p in (tmp_path / "done").iterdir()}
    assert found == {"a.xml": b"1", "a.xml.2": b"2", "a.xml.3": b"3"}


def test_a_file_that_cannot_be_moved_is_left_until_it_changes(drop, tmp_path):
    """It is not taken in again and again."""
    folder = drop(still=0.0)
    (tmp_path / "a.xml").write_bytes(b"<a/>")
    assert folder.ready(0.0) == ["a.xml"]
    (tmp_path / "failed").rmdir()
    (tmp_path / "failed").write_bytes(b"")
    assert not folder.finish("a.xml", stored=False)
    assert folder.ready(1.0) == []
    (tmp_path / "a.xml").write_bytes(b"<changed/>")
    assert folder.ready(2.0) == ["a.xml"]


@pytest.mark.parametrize(
    ("kind", "more", "ok"),
    [
        ("specialist", {"folder": "in"}, True),
        ("specialist", {"folder": "in", "suffix": ".ready"}, True),
        ("specialist", {"folder": "in", "url": "https://x.example"}, False),
        ("specialist", {"suffix": ".ready", "url": "https://x.example"}, False),
        ("specialist", {"folder": "in", "suffix": ""}, False),
        ("gp", {"folder": "in"}, False),
    ],
)
def test_settings_of_a_folder_are_those_of_a_document_source(kind, more, ok, tmp_path):
    """A folder stands in the place of an address; what would have no effect refuses to start."""
    if not ok:
        with pytest.raises(ValueError):
            SourceSettings(id="letters", kind=kind, custodian="c.example", **more)
        return
    settings = SourceSettings(id="letters", kind=kind, custodian="c.example", **more)
    assert settings.under(tmp_path).folder == tmp_path / "in"
