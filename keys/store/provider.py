"""Keys in an HSM or a cloud KMS: a program that is asked line by line, `exec:PATH` (docs/keys.md).

PKCS#11 tools and the command lines of clouds are attached by a program of a few lines, so that nothing of
theirs is loaded into the node. One JSON object a line, base64url for bytes:

    {"id":1,"op":"hello"}                              -> {"id":1,"name":"site-hsm"}
    {"id":2,"op":"wrap","plain":B,"aad":B}             -> {"id":2,"wrapped":B}
    {"id":3,"op":"unwrap","wrapped":B,"aad":B}         -> {"id":3,"plain":B}
    {"id":4,"op":"public","key":LABEL}                 -> {"id":4,"alg":"Ed25519","public":B}
    {"id":5,"op":"sign","key":LABEL,"data":B}          -> {"id":5,"signature":B}

Anything else, an `error` member, silence beyond the deadline or the end of the program is a `KeyFault`, and
the program is ended; the next question starts it anew. It gets no argument and a bare environment: secrets
that the node has there are not handed on, and its own lie where it keeps them.
"""

import os
import selectors
import stat
import subprocess
import threading
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from keys.errors import KeyFault
from keys.syntax import SyntaxRefused, b64u, emit, parse_object, unb64u

DEADLINE = 10.0
LONGEST = 65_536
_PASSED_ON = ("PATH", "HOME", "LANG", "TZ")


class Provider:
    """One program, started with the first question. Thread-safe: questions wait for each other."""

    def __init__(self, path: Path, *, deadline: float = DEADLINE) -> None:
        _require_ours(path)
        self._path = path
        self._deadline = deadline
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._asked = 0

    def ask(self, op: str, **members: str) -> dict[str, Any]:
        """Put one question; `KeyFault` for everything but its answer."""
        with self._lock:
            self._asked += 1
            question = emit({"id": self._asked, "op": op} | members) + b"\n"
            try:
                answer = parse_object(self._answered(question))
            except (OSError, SyntaxRefused):
                answer = {}
            if answer.get("id") != self._asked or "error" in answer:
                # Whatever it says after this would be the answer to another question.
                self._end()
                raise KeyFault("the key provider refused, or did not answer")
            return answer

    def ask_bytes(self, op: str, name: str, **members: str) -> bytes:
        """The member `name` of the answer, as bytes."""
        try:
            return unb64u(self.ask(op, **members).get(name))
        except SyntaxRefused:
            raise KeyFault("the key provider answered something else") from None

    def public(self, label: str) -> tuple[str, bytes]:
        """Algorithm and raw public key of a signing key."""
        answer = self.ask("public", key=_label(label))
        try:
            return str(answer.get("alg")), unb64u(answer.get("public"))
        except SyntaxRefused:
            raise KeyFault("the key provider answered something else") from None

    def sign(self, label: str, data: bytes) -> bytes:
        """Raw signature bytes."""
        return self.ask_bytes("sign", "signature", key=_label(label), data=b64u(data))

    def close(self) -> None:
        """End the program."""
        with self._lock:
            self._end()

    def _answered(self, question: bytes) -> bytes:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(question)
        process.stdin.flush()
        return _line(process.stdout.fileno(), time.monotonic() + self._deadline)

    def _running(self) -> "subprocess.Popen[bytes]":
        # A worker that was forked has a program of its own: two may not share one pipe.
        if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
            _require_ours(self._path)
            kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
            self._process = subprocess.Popen(  # noqa: S603  a path of the configuration, checked above
                [str(self._path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=kept, cwd="/",
                start_new_session=True, bufsize=0,
            )  # fmt: skip
            self._owner = os.getpid()
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        process.kill()
        process.wait()


class ProvidedWrapper:
    """A KEK that never leaves its provider."""

    kdf = "provider"

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        name = provider.ask("hello").get("name")
        if not isinstance(name, str) or not 0 < len(name) <= 64:
            raise KeyFault("the key provider does not say its name")
        self.kek = f"exec:{name}"

    def wrap(self, plain: bytes, aad: bytes) -> bytes:
        wrapped = self._provider.ask_bytes("wrap", "wrapped", plain=b64u(plain), aad=b64u(aad))
        # What could not be read back must not take the place of what can.
        if self.unwrap(wrapped, aad) != plain:
            raise KeyFault("the key provider does not give back what it wrapped")
        return wrapped

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        return self._provider.ask_bytes("unwrap", "plain", wrapped=b64u(wrapped), aad=b64u(aad))


@cache
def provider_at(path: str) -> Provider:
    """The one provider of this path: KEK and signing keys may share it."""
    return Provider(Path(path))


def signer_from(setting: str) -> Provider | None:
    """The provider that a setting of signing keys names: `exec:PATH`, or none. `KeyFault`."""
    if not setting:
        return None
    kind, _, where = setting.partition(":")
    if kind != "exec" or not where:
        raise KeyFault("a setting of signing keys is exec:PATH")
    return provider_at(where)


def _line(descriptor: int, until: float) -> bytes:
    """One line without its end; `OSError` when it does not come in time, or is too long."""
    data = b""
    with selectors.DefaultSelector() as waiting:
        waiting.register(descriptor, selectors.EVENT_READ)
        while not data.endswith(b"\n"):
            if not waiting.select(max(0.0, until - time.monotonic())):
                raise OSError
            piece = os.read(descriptor, LONGEST)
            data += piece
            if not piece or len(data) > LONGEST or b"\n" in data[:-1]:
                raise OSError
    return data[:-1]


def _label(label: str) -> str:
    if not 0 < len(label) <= 256:
        raise KeyFault("not a label of a key")
    return label


def _require_ours(path: Path) -> None:
    """A program that others could replace would hold all keys: ours or root's, and nobody else's to write."""
    try:
        found = path.stat()
    except OSError:
        raise KeyFault("the key provider is not there") from None
    if not path.is_absolute() or not stat.S_ISREG(found.st_mode) or not os.access(path, os.X_OK):
        raise KeyFault("a key provider is the absolute path of a program")
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o022:
        raise KeyFault("the key provider can be changed by others")
