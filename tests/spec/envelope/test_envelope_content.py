"""Content that is compressed, large, or for many: what goes in comes out, bounded, and nothing else does."""

import hashlib
import os
import tracemalloc

import pytest

from keys.envelope.binding import ExpectRequest
from keys.envelope.draft import Claims, draft
from keys.envelope.encoding import inflate, zstd
from keys.envelope.events import Opened, Released
from keys.envelope.evidence import content_from_evidence
from keys.envelope.open import open_envelope, open_stream
from keys.envelope.recipient import recipient_from_request, recipient_from_trust
from keys.envelope.seal import Sealing, finish
from keys.envelope.spool import MemorySpool
from keys.errors import EnvelopeRefused, KeyFault
from keys.store.spool import FileSpool
from keys.syntax import b64u

RECORD = b'{"resourceType":"Bundle","type":"searchset","entry":[' + b'{"resource":{}},' * 4000 + b"{}]}"


def response(world, request, content, **how):
    claims = Claims(
        "response", "b.example", "application/fhir+json", request.manifest.exp, req=b64u(request.md)
    )
    to = [recipient_from_request(request.manifest)]
    return draft(claims, content, to, suite=request.suite, now=world.now, entropy=os.urandom, **how)


@pytest.fixture
def asked(world):
    """A request that b.example opened: (opened request, draft, reply key)."""
    return world.opened_request()


@pytest.fixture
def opened(world, asked):
    """Open at a.example what b.example sealed in answer."""

    def open_(envelope, **changes):
        _, made, reply = asked
        return open_envelope(
            envelope, world.opening("a.example", world.awaiting(made, reply), keys=[reply], **changes)
        )

    return open_


@pytest.mark.parametrize("size", [0, 1, 1024, 300_000])
def test_a_compressed_answer_arrives_byte_for_byte(world, asked, opened, size):
    """zstd out and in; the evidence is about the encoded bytes and gives the content back."""
    content = (RECORD * 5)[:size]
    made = response(world, asked[0], content, encoding="zstd")
    got = opened(finish(made, world.signers("b.example")).envelope)
    assert isinstance(got, Opened) and got.content == content
    assert (got.manifest.cnt.enc, got.manifest.cnt.raw, got.manifest.cnt.len) == (
        "zstd",
        size,
        len(got.encoded),
    )
    assert size < 1024 or len(got.encoded) < size / 5
    assert content_from_evidence(got.manifest, got.blind, got.encoded) == content


def test_requests_are_never_compressed(world, forged, refused):
    """Section 8: another's text may stand beside secrets there. Neither made nor taken."""
    reply = world.request()[1].manifest.rkey
    claims = Claims("request", "a.example", "application/vnd.carepact.request+json", world.now + 60,
                    pou="TREAT", agr="x@1", rkey=reply)  # fmt: skip
    to = [recipient_from_trust(world.trust, "b.example", at=world.now)]
    with pytest.raises(EnvelopeRefused, match="compression"):
        draft(claims, b"{}", to, suite=3, now=world.now, entropy=os.urandom, encoding="zstd")


def frame(data: bytes) -> bytes:
    return zstd.compress(data)


@pytest.mark.parametrize(
    ("encoded", "raw"),
    [
        pytest.param(frame(bytes(300 << 20)), 1000, id="bomb-behind-a-small-raw"),
        pytest.param(frame(b"x" * 999), 1000, id="one-byte-short"),
        pytest.param(frame(b"x" * 1001), 1000, id="one-byte-more"),
        pytest.param(frame(b"x" * 1000) + b"\0", 1000, id="a-byte-after-the-frame"),
        pytest.param(frame(b"x" * 500) * 2, 1000, id="two-frames"),
        pytest.param(b"\x50\x2a\x4d\x18\x04\0\0\0skip" + frame(b"x" * 1000), 1000, id="skippable-frame"),
        pytest.param(frame(b"x" * 1000)[:-1], 1000, id="cut"),
        pytest.param(b"", 0, id="no-frame"),
        pytest.param(b"not a frame at all", 18, id="another-format"),
        pytest.param(frame(os.urandom(1 << 16)), 1 << 15, id="more-than-said"),
    ],
)  # fmt: skip
def test_inflating_is_bounded_and_exact(encoded, raw):
    """ENV-13: one frame of exactly `raw` bytes; a bomb is noticed with the memory of one slice."""
    tracemalloc.start()
    try:
        with pytest.raises(EnvelopeRefused, match="compression"):
            inflate(MemorySpool(encoded), raw, MemorySpool())
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_a_window_larger_than_allowed_is_refused():
    """Section 8: a frame that wants more than 8 MiB to be read back is not read."""
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    data = compressor.compress(os.urandom(9 << 20)) + compressor.flush()
    with pytest.raises(EnvelopeRefused, match="compression"):
        inflate(MemorySpool(data), 9 << 20, MemorySpool())


def test_a_stream_goes_through_spools_piece_by_piece(world, asked, tmp_path):
    """Sealed and opened in pieces over encrypted files: the same content, and `md`, `env` of the same bytes."""
    pieces = [os.urandom(300_000) for _ in range(12)]
    made = response(world, asked[0], pieces, spool=FileSpool(os.urandom, tmp_path))
    sealing = Sealing(made, world.signers("b.example"))
    sent = list(sealing)
    assert max(map(len, sent)) < 300_000 and len(sent) > 12
    expect = world.awaiting(asked[1], asked[2])
    opening = world.opening("a.example", expect, keys=[asked[2]])
    got = open_stream(sent, opening, lambda: FileSpool(os.urandom, tmp_path))
    assert isinstance(got, Released)
    assert b"".join(got.content.slices()) == b"".join(pieces) == b"".join(got.content.slices())
    assert got.md == sealing.md and got.env == hashlib.sha256(b"".join(sent)).digest()
    assert not list(tmp_path.iterdir())


def test_a_stream_that_fails_at_its_end_releases_nothing(world, asked, tmp_path):
    """ENV-14: the last chunk altered: no content comes out, however much was decrypted before."""
    made = response(world, asked[0], [os.urandom(2_000_000)])
    sent = bytearray(finish(made, world.signers("b.example")).envelope)
    sent[-1] ^= 1
    opening = world.opening("a.example", world.awaiting(asked[1], asked[2]), keys=[asked[2]])
    with pytest.raises(EnvelopeRefused, match="body"):
        open_stream([bytes(sent)], opening, lambda: FileSpool(os.urandom, tmp_path))


def test_a_spool_on_disk_is_encrypted_and_unaltered(tmp_path, monkeypatch):
    """Section 8: plaintext never reaches a disk; what was altered there is not handed on."""
    import tempfile

    made = []
    real = tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **given: made.append(real(**given)) or made[-1])
    spool = FileSpool(os.urandom, tmp_path, threshold=1000)
    content = b"canary of a patient " * 5000
    for start in range(0, len(content), 700):
        spool.write(content[start : start + 700])
    assert b"".join(spool.slices()) == content
    (file,) = made
    file.seek(0)
    assert b"canary" not in file.read()
    file.seek(40_000)
    file.write(b"\0\1\2")
    with pytest.raises(KeyFault):
        list(spool.slices())
    spool.discard()
    assert file.closed


def test_a_notice_is_for_many_and_patient_data_for_one(world, forged, refused):
    """Section 7, rule 2: two recipients only where notices are expected, each of them opens the same."""
    envelope = forged(to=("b.example", "c.example"))
    assert refused(envelope) == "binding"
    for me in ("b.example", "c.example"):
        got = open_envelope(envelope, world.opening(me, ExpectRequest(), max_recipients=16))
        assert isinstance(got, Opened) and got.content == b"{}"
    key = recipient_from_trust(world.trust, "b.example", at=world.now).key
    assert refused(forged(to=("b.example", "c.example"), keys=[key]), max_recipients=16) == "binding"


def test_a_notice_is_drafted_for_many(world):
    """`draft` seals one content for every recipient of the list."""
    reply = world.request()[1].manifest.rkey
    claims = Claims("request", "a.example", "application/vnd.carepact.request+json", world.now + 60,
                    pou="HOPERAT", agr="federation@1", rkey=reply)  # fmt: skip
    to = [recipient_from_trust(world.trust, name, at=world.now) for name in ("b.example", "c.example")]
    made = draft(claims, b'{"op":"notice"}', to, suite=3, now=world.now, entropy=os.urandom)
    sealed = finish(made, world.signers("a.example"))
    for me in ("b.example", "c.example"):
        got = open_envelope(sealed.envelope, world.opening(me, ExpectRequest(), max_recipients=2))
        assert got.content == b'{"op":"notice"}'
