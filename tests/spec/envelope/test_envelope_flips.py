"""ENV-01: no single altered byte anywhere is accepted, and nothing but `EnvelopeRefused` comes out."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keys.envelope.binding import ExpectRequest
from keys.envelope.open import open_envelope
from keys.errors import EnvelopeRefused


@pytest.fixture(scope="module")
def sealed(_world):
    """One honest envelope of two chunks."""
    return _world.request(bytes(range(256)) * 70)[0].envelope


_SETTINGS = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@_SETTINGS
@given(where=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
def test_any_flip_is_refused(world, sealed, where, mask):
    """A flip in any byte of the whole, by any mask."""
    position = int(where * len(sealed))
    altered = sealed[:position] + bytes((sealed[position] ^ mask,)) + sealed[position + 1 :]
    with pytest.raises(EnvelopeRefused):
        open_envelope(altered, world.opening("b.example", ExpectRequest()))


def test_every_flip_before_the_stream_is_refused(world, sealed):
    """Each byte of frame, header and stanza, and the first of the stream, one after another."""
    header = 12 + int.from_bytes(sealed[8:12], "big")
    for position in [*range(header + 40), *range(header + 40, header + 1256, 13)]:
        altered = sealed[:position] + bytes((sealed[position] ^ 1,)) + sealed[position + 1 :]
        with pytest.raises(EnvelopeRefused):
            open_envelope(altered, world.opening("b.example", ExpectRequest()))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=3000))
def test_garbage_is_refused(world, data):
    """K-2: any bytes, also behind an honest start, end in `EnvelopeRefused` and in nothing else."""
    for start in (b"", b"CPX1\0\3\0\1"):
        with pytest.raises(EnvelopeRefused):
            open_envelope(start + data, world.opening("b.example", ExpectRequest()))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_garbage_as_manifest_or_payload_is_refused(world, forged, data):
    """K-2: a sender who may sign anything, JWS or payload, still gets `EnvelopeRefused`."""
    for bend in ({"signed": lambda _: data}, {"payload": lambda _: data}):
        with pytest.raises(EnvelopeRefused):
            open_envelope(forged(**bend), world.opening("b.example", ExpectRequest()))
