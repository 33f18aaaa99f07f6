"""The sender's end of MLLP: frame a message, send it, wait for the acknowledgement (HL7 MLLP 1, 2.3)."""

import asyncio
import contextlib
import re
from dataclasses import dataclass

START, END = b"\x0b", b"\x1c\r"
_ACK_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Ack:
    """An acknowledgement: MSA-1, MSA-2, the code of ERR-3 (before 2.5: of ERR-1), and its text as it came."""

    code: str
    control: str
    error: str
    text: str


class NoAck(Exception):
    """No acknowledgement came. `why`: refused, closed, timeout, unreadable."""

    def __init__(self, why: str) -> None:
        super().__init__("no acknowledgement")
        self.why = why


async def send_framed(
    host: str,
    port: int,
    body: bytes,
    *,
    timeout: float,
    cut_at: int | None = None,
    hold: bool = False,
    leave: bool = False,
) -> Ack:
    """One message over a connection of its own, and its acknowledgement. NoAck.

    `cut_at`: send this many bytes of the frame and break off; with `hold`, stay connected and silent.
    `leave`: throw the answer away, as a sender does whose connection broke just before it.
    """
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(host, port, limit=_ACK_LIMIT)
            try:
                frame = START + body + END
                writer.write(frame if cut_at is None else frame[:cut_at])
                await writer.drain()
                if cut_at is not None and not hold:
                    raise NoAck("closed")
                answer = await reader.readuntil(END)
                if leave:
                    raise NoAck("ack-lost")
                return ack_from_frame(answer)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except TimeoutError:
        raise NoAck("timeout") from None
    except asyncio.LimitOverrunError:
        raise NoAck("unreadable") from None
    except asyncio.IncompleteReadError:
        raise NoAck("closed") from None
    except OSError:
        raise NoAck("refused") from None


def ack_from_frame(frame: bytes) -> Ack:
    """The acknowledgement inside a frame, by its own separators. NoAck if there is no MSH and MSA."""
    text = frame.removesuffix(END).lstrip(START).decode("utf-8", "replace")
    lines = [line for line in re.split(r"[\r\n]+", text) if line]
    if not lines or not lines[0].startswith("MSH") or len(lines[0]) < 8:
        raise NoAck("unreadable")
    separator, component = lines[0][3], lines[0][4]
    fields = {line[:3]: line.split(separator) for line in reversed(lines)}
    msa = fields.get("MSA", [])
    if len(msa) < 3:
        raise NoAck("unreadable")
    return Ack(msa[1], msa[2], _error_code(fields.get("ERR", []), component, lines[0][7:8]), text)


def _error_code(err: list[str], component: str, subcomponent: str) -> str:
    """ERR-3.1; in versions before 2.5 the code stands in ERR-1.4.1, after segment, sequence and field."""
    if len(err) > 3 and err[3]:
        return err[3].split(component)[0]
    parts = err[1].split(component) if len(err) > 1 else []
    return parts[3].split(subcomponent)[0] if len(parts) > 3 and subcomponent else "".join(parts[:1])
