"""Padding of the stream's plaintext (envelope.md 8): Padmé of PURBs, at most 12 %, above a common floor."""

FLOOR = 16 * 1024
MAX_FLOOR = 1 << 20
HEAD = 4 + 32
"""Bytes of a stream beside manifest and content: u32 M and the blind."""


def padme(length: int) -> int:
    """The Padmé size of a length: as many low bits zero as its exponent can spare."""
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    spare = exponent - exponent.bit_length()
    mask = (1 << spare) - 1
    return (length + mask) & ~mask


def padded_length(length: int, floor: int = FLOOR) -> int:
    """P for `length` = 36 + M + content bytes."""
    if not 0 <= floor <= MAX_FLOOR:
        raise ValueError("a floor is at most 1 MiB")
    return max(floor, padme(length))


def longest_accepted(length: int) -> int:
    """The most that a receiver takes, zeros included."""
    return max(MAX_FLOOR, padme(length))
