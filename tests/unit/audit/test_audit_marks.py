"""The mark of the newest signed checkpoint: its owner's alone, and told where it cannot be read."""

import asyncio

from structlog.testing import capture_logs

from gateway.audit.marks import MarkFile, compare


async def _never(*_):
    raise AssertionError("nothing is looked up for a mark that is none")


class Untouched:
    """A database that nobody may ask."""

    read = write = staticmethod(_never)


def test_a_mark_that_cannot_be_read_is_told_and_stops_nothing(tmp_path):
    """Junk in its place: the node goes on, and its log says that it would not notice a rollback itself."""
    (tmp_path / "ledger.checkpoint").write_bytes(b"junk\n")
    with capture_logs() as lines:
        assert asyncio.run(compare(Untouched(), MarkFile(tmp_path), "a.example", ())) is True
    assert [line["event"] for line in lines] == ["checkpoint_mark_unreadable"]
