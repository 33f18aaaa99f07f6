"""The MLLP listener over real sockets."""

import asyncio
import contextlib
from datetime import UTC, datetime

import pytest

from adapters.hospital.ack import Manner, Verdict, acknowledgement, answer
from adapters.hospital.listener import Limits, Listener
from adapters.hospital.mllp import FrameBuffer, FrameFault, framed

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def message(number):
    return f"MSH|^~\\&|A|B|C|D|20260101||ADT^A01|M-{number}|P|2.5\rPID|1||1".encode()


class Keeper:
    """Takes messages like a node does, and remembers them."""

    def __init__(self):
        self.seen = []
        self.delay = 0.0
        self.fail_on = None
        self.silent = False

    async def __call__(self, body, peer):
        await asyncio.sleep(self.delay)
        if self.fail_on is not None and self.fail_on in body:
            raise OSError("disk full")
        self.seen.append(body)
        return b"" if self.silent else acknowledgement(body, Verdict("AA"), AT, f"OWN-{len(self.seen)}")


def not_now(body, peer):
    return acknowledgement(body, Verdict("AE", "207"), AT, "OWN-0")


async def read_frame(reader):
    data = await asyncio.wait_for(reader.readuntil(b"\x1c\r"), 5)
    return data[1:-2]


def served(test, **limits):
    """Run a test against a started listener."""

    async def run():
        keeper = Keeper()
        listener = Listener("127.0.0.1", 0, keeper, Limits(**limits), not_now=not_now)
        await listener.start()
        try:
            await test(listener, keeper, lambda: asyncio.open_connection("127.0.0.1", listener.port))
        finally:
            await listener.close()

    asyncio.run(run())


def test_messages_are_answered_in_order():
    """Several messages in one write, cut anywhere, are answered one by one in order."""

    async def test(listener, keeper, connect):
        reader, writer = await connect()
        stream = b"".join(framed(message(n)) for n in range(5))
        for at in range(0, len(stream), 7):
            writer.write(stream[at : at + 7])
            await writer.drain()
        for n in range(5):
            assert f"MSA|AA|M-{n}".encode() in await read_frame(reader)
        assert keeper.seen == [message(n) for n in range(5)]
        writer.close()

    served(test)


def test_missing_carriage_return_is_forgiven():
    """A frame that ends with 0x1C alone is a frame."""

    async def test(listener, keeper, connect):
        reader, writer = await connect()
        writer.write(framed(message(1))[:-1] + framed(message(2))[:-1])
        assert b"M-1" in await read_frame(reader)
        assert b"M-2" in await read_frame(reader)
        writer.close()

    served(test)


def test_failure_asks_for_a_resend_and_the_feed_goes_on():
    """When nothing could be kept: AE with 207, and the next message works on the same connection."""

    async def test(listener, keeper, connect):
        keeper.fail_on = b"M-1"
        reader, writer = await connect()
        writer.write(framed(message(1)) + framed(message(2)))
        refused = await read_frame(reader)
        assert b"MSA|AE|M-1" in refused and b"|207^" in refused and b"disk" not in refused
        assert b"MSA|AA|M-2" in await read_frame(reader)
        assert listener.failures == 1
        writer.close()

    served(test)


def test_sender_that_wants_no_answer_gets_none():
    """An empty answer sends nothing."""

    async def test(listener, keeper, connect):
        keeper.silent = True
        reader, writer = await connect()
        writer.write(framed(message(1)))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)
        assert len(keeper.seen) == 1
        writer.close()

    served(test)


@pytest.mark.parametrize(
    "garbage",
    [b"x" * 5000, b"\x0bMSH|\x0bMSH|", b"\x0b" + b"y" * 3000],
    ids=["outside", "nested", "large"],
)
def test_what_is_no_mllp_closes_only_its_own_connection(garbage):
    """Garbage closes the connection without an answer; others go on."""

    async def test(listener, keeper, connect):
        reader, writer = await connect()
        writer.write(garbage)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        assert (listener.faults, keeper.seen) == (1, [])
        reader, writer = await connect()
        writer.write(framed(message(1)))
        assert b"MSA|AA" in await read_frame(reader)
        writer.close()

    served(test, frame_bytes=2000)


def test_idle_connection_is_closed():
    """A peer that says nothing, or never ends its frame, is dropped after the idle time."""

    async def test(listener, keeper, connect):
        for start in (b"", b"\x0bMSH|"):
            reader, writer = await connect()
            writer.write(start)
            assert await asyncio.wait_for(reader.read(), 5) == b""
            writer.close()

    served(test, idle=0.2)


def test_trickled_frame_cannot_hold_a_connection():
    """Bytes one by one do not extend the time of a frame."""

    async def test(listener, keeper, connect):
        reader, writer = await connect()
        writer.write(b"\x0bMSH|")

        async def trickle():
            while True:
                writer.write(b"x")
                await asyncio.sleep(0.05)

        trickling = asyncio.create_task(trickle())
        try:
            async with asyncio.timeout(2):
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
        finally:
            trickling.cancel()
        writer.close()

    served(test, idle=0.3)


def test_connection_caps():
    """Over the cap a connection is closed at once; the ones inside it are not touched."""

    async def test(listener, keeper, connect):
        first = await connect()
        await asyncio.sleep(0.05)
        reader, writer = await connect()
        assert await asyncio.wait_for(reader.read(), 5) == b""
        assert listener.refused == 1
        first[1].write(framed(message(1)))
        assert b"MSA|AA" in await read_frame(first[0])
        first[1].close()
        writer.close()

    served(test, per_address=1)


def test_close_answers_what_is_in_work():
    """Draining: the message in work is answered, idle connections are dropped, new ones refused."""

    async def run():
        keeper = Keeper()
        keeper.delay = 0.3
        listener = Listener("127.0.0.1", 0, keeper, not_now=not_now)
        await listener.start()
        port = listener.port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        _, idle = await asyncio.open_connection("127.0.0.1", port)
        writer.write(framed(message(1)))
        await asyncio.sleep(0.1)
        closing = asyncio.create_task(listener.close())
        assert b"MSA|AA|M-1" in await read_frame(reader)
        await closing
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        idle.close()

    asyncio.run(run())


def test_what_came_behind_the_message_in_work_is_asked_for_again():
    """Draining: of two messages in one write the first is answered AA, the second AE 207, then it closes."""

    async def run():
        keeper = Keeper()
        keeper.delay = 0.3
        listener = Listener("127.0.0.1", 0, keeper, not_now=not_now)
        await listener.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(framed(message(1)) + framed(message(2)))
        await asyncio.sleep(0.1)
        closing = asyncio.create_task(listener.close())
        assert b"MSA|AA|M-1" in await read_frame(reader)
        second = await read_frame(reader)
        assert b"MSA|AE|M-2" in second and b"|207^" in second
        assert await asyncio.wait_for(reader.read(), 5) == b""
        await closing
        assert keeper.seen == [message(1)]
        writer.close()

    asyncio.run(run())


def test_both_answers_of_enhanced_mode_are_frames_of_their_own():
    """What `accept` gives apart leaves as two frames, in order, before the next message is answered."""

    async def test(listener, keeper, connect):
        async def twice(body, peer):
            return answer(body, Verdict("AA"), AT, "OWN", Manner("enhanced"))

        listener._accept = twice
        reader, writer = await connect()
        for number in (1, 2):
            text = message(number).decode().replace("|2.5", "|2.5|||AL|AL")
            writer.write(framed(text.encode()))
        for number in (1, 2):
            assert f"MSA|CA|M-{number}".encode() in await read_frame(reader)
            assert f"MSA|AA|M-{number}".encode() in await read_frame(reader)
        writer.close()

    served(test)


def test_frames_are_cut_the_same_however_they_arrive():
    """The buffer gives the same bodies for any chunking."""
    stream = b"\r\n" + framed(b"one") + framed(b"two") + b"\r"
    for size in range(1, len(stream) + 1):
        buffer = FrameBuffer(most_bytes=100, most_stray=0)
        bodies = [b for at in range(0, len(stream), size) for b in buffer.feed(stream[at : at + size])]
        assert bodies == [b"one", b"two"]
    with pytest.raises(FrameFault):
        FrameBuffer(most_bytes=100, most_stray=3).feed(b"junk")
