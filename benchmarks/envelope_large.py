"""G11 beyond memory: 10 MB in memory beside JOSE, and 50 MB from file to file with what memory it takes.

Beside the primitives on the same bytes in the same run; 50 MB in a process of its own, which tells its peak
over the idle process. JOSE is JWS (Ed25519) in JWE (ECDH-ES+A256KW, A256GCM) with joserfc.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from benchmarks.clock import ms_of, p50
from benchmarks.envelope import FROM, REQUEST, SUITE, TO, Parties, parties, primitives
from benchmarks.report import Result
from keys.envelope.binding import ExpectResponse, Opening
from keys.envelope.draft import Claims, draft
from keys.envelope.events import Released
from keys.envelope.framing import SLICE
from keys.envelope.manifest import FHIR_JSON
from keys.envelope.open import open_stream
from keys.envelope.recipient import Recipient
from keys.envelope.seal import Sealing, signers_for_suite
from keys.jwk import public_from_jwk
from keys.store.memory import MemoryReplay
from keys.store.spool import FileSpool

MB = 1_000_000
_HERE = Path(__file__).parent.parent
GOAL_LARGE, GOAL_FILE, GOAL_PEAK, GOAL_JOSE = (1.6, 1.6), 2.0, 40.0, 10.0


def run(*, large: int = 10 * MB, whole: int = 50 * MB, rounds: int = 5) -> list[Result]:
    """Sealing and opening at 10 MB, JOSE beside it, and both ways from file to file."""
    held = parties(int(time.time()))
    content = os.urandom(large)
    sealed = held.seal(content)
    bare_seal, bare_open = primitives(content, sealed.jws)
    sign_and_encrypt, decrypt_and_verify = _jose(content)
    works: tuple[Callable[[], object], ...] = (
        lambda: held.seal(content), bare_seal, lambda: held.open(sealed.envelope), bare_open,
        sign_and_encrypt, decrypt_and_verify,
    )  # fmt: skip
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for kept, work in zip(times, works, strict=True):
            kept.append(ms_of(work))
    seal, floor_seal, opening, floor_open, jose_out, jose_in = (p50(kept) for kept in times)
    size = large // MB
    return [
        _line(f"G11 seal {size} MB", seal, floor_seal, GOAL_LARGE[0]),
        _line(f"G11 open {size} MB", opening, floor_open, GOAL_LARGE[1]),
        _beside_jose(size, jose_out + jose_in, seal + opening),
        *_file_to_file(whole),
    ]  # fmt: skip


def _beside_jose(size: int, theirs: float, ours: float) -> Result:
    figure = f"joserfc {theirs:.0f} ms, ours {ours:.0f} ms, goal {GOAL_JOSE:.0f}"
    return Result(
        f"JWS in JWE over ours, {size} MB both ways", figure, theirs / ours, theirs / ours >= GOAL_JOSE
    )


def _line(what: str, ours: float, bare: float, goal: float) -> Result:
    return Result(
        what, f"{ours:.1f} ms, primitives {bare:.1f} ms, goal {goal}", ours / bare, ours / bare <= goal
    )


def _jose(content: bytes) -> tuple[Callable[[], object], Callable[[], object]]:
    from joserfc import jwe, jws
    from joserfc.jwk import ECKey, OKPKey

    signer, reader = OKPKey.generate_key("Ed25519"), ECKey.generate_key("P-256")
    signing, sealing = {"alg": "Ed25519"}, {"alg": "ECDH-ES+A256KW", "enc": "A256GCM"}
    signers, boxes = (
        jws.JWSRegistry(algorithms=["Ed25519"]),
        jwe.JWERegistry(algorithms=list(sealing.values())),
    )
    for registry in (signers, boxes):  # its own limits are for tokens
        for name in ("max_payload_length", "max_ciphertext_length"):
            setattr(registry, name, 1 << 30)

    def out() -> str:
        signed = jws.serialize_compact(signing, content, signer, registry=signers)
        return jwe.encrypt_compact(sealing, signed.encode(), reader, registry=boxes)

    sent = out()

    def back() -> bytes:
        plain = jwe.decrypt_compact(sent, reader, registry=boxes).plaintext or b""
        return jws.deserialize_compact(plain, signer, registry=signers).payload

    return out, back


def _file_to_file(size: int) -> list[Result]:
    """A process of its own: its peak is nobody else's."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "content").write_bytes(os.urandom(size))
        command = [sys.executable, "-m", "benchmarks.envelope_large", folder]
        done = subprocess.run(
            command, capture_output=True, check=True, text=True, cwd=Path(__file__).parent.parent
        )
    told = json.loads(done.stdout.splitlines()[-1])
    megabytes = size // MB
    lines = [
        _line(f"G11 {what} {megabytes} MB, file to file", told[what], told[f"bare_{what}"], GOAL_FILE)
        for what in ("seal", "open")
    ]
    peak = told["peak_mib"]
    return [
        *lines,
        Result(
            f"G11 memory over idle, {megabytes} MB",
            f"{peak:.0f} MiB, goal {GOAL_PEAK:.0f}",
            None,
            peak <= GOAL_PEAK,
        ),
    ]


def _measure(folder: Path) -> dict[str, float]:
    """Seal and open through files; milliseconds, and MiB that the peak rose."""
    held = parties(int(time.time()))
    small = held.seal(b"{}")
    held.open(small.envelope)
    idle = _peak_mib()
    started = time.perf_counter()
    _seal_file(held, folder)
    sealed = time.perf_counter()
    _open_file(held, folder)
    opened = time.perf_counter()
    peak = _peak_mib() - idle
    content = (folder / "content").read_bytes()
    bare_seal, bare_open = primitives(content, small.jws)
    return {
        "seal": (sealed - started) * 1000,
        "open": (opened - sealed) * 1000,
        "bare_seal": p50([ms_of(bare_seal) for _ in range(3)]),
        "bare_open": p50([ms_of(bare_open) for _ in range(3)]),
        "peak_mib": peak,
    }


def _seal_file(held: Parties, folder: Path) -> None:
    claims = Claims("response", FROM, FHIR_JSON, held.now + 600, req=REQUEST)
    (kem,) = held.receiver.public()
    to = Recipient(TO, public_from_jwk(dict(kem.jwk), encapsulate=False))
    with (folder / "content").open("rb") as source, (folder / "envelope").open("wb") as target:
        spool = FileSpool(os.urandom, folder)
        made = draft(
            claims, _pieces(source), [to], suite=SUITE, now=held.now, entropy=os.urandom, spool=spool
        )
        target.writelines(Sealing(made, signers_for_suite(held.sender, SUITE, at=held.now)))


def _open_file(held: Parties, folder: Path) -> None:
    expect = ExpectResponse(FROM, bytes(32), held.mine.kid, SUITE)
    opening = Opening(TO, held.trust, (held.mine,), expect, MemoryReplay(), held.now, acknowledged=False)
    with (folder / "envelope").open("rb") as source, (folder / "opened").open("wb") as target:
        done = open_stream(_pieces(source), opening, lambda: FileSpool(os.urandom, folder))
        assert isinstance(done, Released)
        target.writelines(bytes(piece) for piece in done.content.slices())


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: file.read(SLICE), b"")


def _peak_mib() -> float:
    """Of this process since its start: `ru_maxrss` would begin with the parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure(Path(sys.argv[1]))) + "\n")
