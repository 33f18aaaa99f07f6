"""The feeds of a standing node over real sockets: exposure, several feeds on one port, who is refused."""

import asyncio
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from adapters.hospital.mllp import framed
from gateway.errors import RefusedToStart
from gateway.feeds import listen
from gateway.source_settings import SourceSettings

pytestmark = pytest.mark.anyio
NHS = "https://fhir.nhs.uk/Id/nhs-number"


def adt(control, application="PAS", header_tail="|P|2.5"):
    return (
        f"MSH|^~\\&|{application}|RXX|GW|RXX|202601021000||ADT^A01^ADT_A01|{control}{header_tail}\r"
        "EVN|A01|202601021000\rPID|1||9990000018^^^NHS||Okafor^Adaeze||19800517|F\r"
        f"PV1|1|I|W1^1^2||||||||||||||||V-{control}^^^RXX\r"
    ).encode()


def feed_of(id="adt", **keys):
    values = {"id": id, "kind": "hospital", "custodian": "st-brides.example", "listen": "127.0.0.1:0"}
    return SourceSettings(**values | {"test_messages": "accept", "authorities": {"NHS": NHS}} | keys)


@asynccontextmanager
async def listening(standing, *feeds, **limits):
    """The node's feeds, these in place of its own."""
    runtime = standing.runtime
    settings = runtime.settings.model_copy(
        update={"sources": feeds, "limits": runtime.settings.limits.model_copy(update=limits)}
    )
    bound = standing.source("adt")
    sources = tuple(replace(bound, source=replace(bound.source, id=one.id)) for one in feeds)
    changed = replace(runtime, settings=settings, node=replace(runtime.node, sources=sources))
    async with AsyncExitStack() as stack:
        yield await listen(changed, stack)


async def ask(place, *bodies):
    """Each body in a frame over one connection; the answers."""
    reader, writer = await asyncio.open_connection(*place)
    try:
        for body in bodies:
            writer.write(framed(body))
        return [await asyncio.wait_for(reader.readuntil(b"\x1c\r"), 10) for _ in bodies]
    finally:
        writer.close()


async def kept_of(standing, source):
    return [one.state for one in await standing.node.intake.newest(source)]


async def test_a_feed_beyond_loopback_must_be_asked_for(standing):
    """HL7 v2 over MLLP has no secrecy of its own; who asks for it is reminded at every start."""
    for address in ("0.0.0.0:0", "10.0.0.1:2575", ":2575"):
        with pytest.raises(RefusedToStart, match="unsafe_plain_mllp"):
            async with listening(standing, feed_of(listen=address)):
                pass
    with capture_logs() as lines:
        async with listening(standing, feed_of(listen="0.0.0.0:0", unsafe_plain_mllp=True)) as places:
            assert places["adt"][1] > 0
    assert [line["event"] for line in lines] == ["UnsafePlainMLLP"]


async def test_a_feed_needs_a_port_that_is_free(standing):
    """One line with the element's path, for a wrong and for a taken port."""
    for address in ("127.0.0.1:x", "127.0.0.1:", "127.0.0.1", "127.0.0.1:99999"):
        with pytest.raises(RefusedToStart, match=r"sources\.adt\.listen"):
            async with listening(standing, feed_of(listen=address)):
                pass
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(RefusedToStart, match="taken"):
            async with listening(standing, feed_of(listen=f"127.0.0.1:{taken.getsockname()[1]}")):
                pass


async def test_certificates_that_cannot_be_read_refuse_to_start(standing, tmp_path):
    """One line that names the keys, before anything listens."""
    for content in (None, b"no certificate"):
        if content:
            (tmp_path / "cert.pem").write_bytes(content)
            (tmp_path / "key.pem").write_bytes(content)
        feed = feed_of(tls_cert=tmp_path / "cert.pem", tls_key=tmp_path / "key.pem")
        with pytest.raises(RefusedToStart, match="tls_cert"):
            async with listening(standing, feed):
                pass


async def test_a_message_is_applied_and_a_bad_one_closes_nothing(standing):
    """AA, then AR for nonsense, then AA, over one connection."""
    async with listening(standing, feed_of()) as places:
        answers = await ask(places["adt"], adt("C1"), b"nonsense", adt("C2"))
    assert [b"MSA|AA|C1" in answers[0], b"MSA|A" in answers[1], b"MSA|AA|C2" in answers[2]] == [True] * 3
    assert b"MSA|AA" not in answers[1]
    assert (await kept_of(standing, "adt"))[:1] == ["stored"]


async def test_feeds_of_one_port_are_told_apart_by_MSH(standing):
    """Each message goes to the source whose sender it names; one of nobody is AR 204, nothing of it kept."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    feeds = (
        feed_of("pas", listen=place, senders=("PAS|RXX",)),
        feed_of("lab", listen=place, senders=("LAB|",)),
    )
    async with listening(standing, *feeds) as places:
        assert places["pas"] == places["lab"]
        with capture_logs() as lines:
            first, second, third = await ask(places["pas"], adt("C1"), adt("C1", "LAB"), adt("C2", "UNKNOWN"))
    assert b"MSA|AA|C1" in first and b"MSA|AA|C1" in second
    assert b"MSA|AR|C2" in third and b"|204^" in third
    assert await kept_of(standing, "pas") == await kept_of(standing, "lab") == ["stored"]
    (line,) = [one for one in lines if one["event"] == "message_of_no_feed"]
    assert line["count"] == 1 and "Okafor" not in str(line)


async def test_a_batch_of_several_senders_goes_to_several_feeds(standing):
    """Each message of a frame is chosen for on its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    feeds = feed_of("pas", listen=place, senders=("PAS|",)), feed_of("lab", listen=place, senders=("LAB|",))
    async with listening(standing, *feeds) as places:
        (answer,) = await ask(places["pas"], adt("C1") + adt("C2", "LAB") + adt("C3", "NOBODY"))
    assert [part[:2] for part in answer.decode().split("\rMSA|")[1:]] == ["AA", "AA", "AR"]
    assert await kept_of(standing, "pas") == await kept_of(standing, "lab") == ["stored"]


async def test_an_address_that_is_not_on_the_list_is_refused(standing):
    """AR, and nothing is kept."""
    async with listening(standing, feed_of("far", allow=("10.0.0.0/8",))) as places:
        (answer,) = await ask(places["far"], adt("C1"))
    assert b"MSA|AR|C1" in answer and b"|204^" in answer
    assert await kept_of(standing, "far") == []


async def test_the_caps_of_the_settings_hold(standing):
    """`limits.mllp_per_address`: the second connection is closed at once, the first one works."""
    async with listening(standing, feed_of(), mllp_per_address=1) as places:
        reader, writer = await asyncio.open_connection(*places["adt"])
        await asyncio.sleep(0.05)
        second, other = await asyncio.open_connection(*places["adt"])
        assert await asyncio.wait_for(second.read(), 5) == b""
        writer.write(framed(adt("C1")))
        assert b"MSA|AA" in await asyncio.wait_for(reader.readuntil(b"\x1c\r"), 10)
        writer.close()
        other.close()


async def test_enhanced_mode_over_the_wire(standing):
    """CA, then AA, on the same connection, in two frames."""
    async with listening(standing, feed_of()) as places:
        reader, writer = await asyncio.open_connection(*places["adt"])
        writer.write(framed(adt("C1", header_tail="|P|2.5|||AL|AL")))
        assert b"MSA|CA|C1" in await asyncio.wait_for(reader.readuntil(b"\x1c\r"), 10)
        assert b"MSA|AA|C1" in await asyncio.wait_for(reader.readuntil(b"\x1c\r"), 10)
        writer.close()
