"""The heap in which a large input lies while it is converted."""

import os

import pytest

from gateway.intake.spool import DiskSpool
from keys.errors import KeyFault

PIECES = [f"piece {n} of the patient under test".encode() * (n % 5) for n in range(60)]


def laid_down(spool):
    return [spool.put(piece) for piece in PIECES]


@pytest.mark.parametrize("threshold", [0, 100, 10**6])
def test_whatever_was_put_is_got_in_any_order(threshold):
    """In memory, on disk, and where part of it is on either; also while more is put."""
    with DiskSpool(os.urandom, threshold=threshold) as spool:
        places = laid_down(spool)
        assert [spool.get(place) for place in reversed(places)] == PIECES[::-1]
        assert spool.get(spool.put(b"later")) == b"later"
        assert spool.get(places[7]) == PIECES[7]


def test_the_disk_holds_nothing_in_the_clear_and_no_name(tmp_path):
    """What is written to the folder has no name there and none of the text in it."""
    with DiskSpool(os.urandom, tmp_path, threshold=0) as spool:
        laid_down(spool)
        assert list(tmp_path.iterdir()) == []
        spool._file.seek(0)
        written = spool._file.read()
    assert len(written) > sum(map(len, PIECES)) and b"patient" not in written


def test_what_was_altered_on_the_disk_does_not_come_back():
    """One changed bit of the file is an error, never content."""
    with DiskSpool(os.urandom, threshold=0) as spool:
        place = spool.put(b"5.10 mmol/L")
        spool._file.seek(14)
        byte = spool._file.read(1)
        spool._file.seek(14)
        spool._file.write(bytes([byte[0] ^ 1]))
        with pytest.raises(KeyFault):
            spool.get(place)
