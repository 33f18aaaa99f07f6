"""The mocks as real processes: started, asked, stopped; loopback only; silent."""

import json
import os
import signal
import subprocess
import sys
import time

import httpx
import pytest

COMMAND = [sys.executable, "-m", "gateway.sandbox.mocks"]


def start(kind, ready, *more):
    arguments = [
        kind,
        "--port",
        "0",
        "--seed",
        "7",
        "--today",
        "2026-11-22",
        "--ready-file",
        str(ready),
        *more,
    ]
    process = subprocess.Popen(COMMAND + arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 20
    while not ready.exists():
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < deadline, "not ready in time"
        time.sleep(0.02)
    return process, json.loads(ready.read_text())


def finish(process):
    try:
        out, err = process.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, out, err


@pytest.mark.parametrize("kind", ["gp", "hospital", "specialist"])
def test_a_mock_starts_answers_and_ends_on_sigterm(kind, tmp_path):
    """The ready file has its address and process id; SIGTERM ends it with 0; it writes nothing."""
    process, ready = start(kind, tmp_path / "ready.json")
    try:
        assert (ready["mock"], ready["pid"]) == (kind, process.pid)
        reply = httpx.get(f"{ready['url']}/__sandbox/ready")
        assert reply.json() == {"mock": kind, "ready": True}
        httpx.get(f"{ready['url']}/Patient/9990000018")
    finally:
        process.send_signal(signal.SIGTERM)
    assert finish(process) == (0, b"", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["ready.json"]


def test_sigterm_ends_a_mock_that_hangs(tmp_path):
    """An open connection that waits for ever does not keep the process alive."""
    process, ready = start("gp", tmp_path / "ready.json")
    try:
        httpx.put(f"{ready['url']}/__sandbox/faults", json=[{"kind": "hang"}])
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{ready['url']}/metadata", timeout=0.3)
    finally:
        process.send_signal(signal.SIGTERM)
    assert finish(process)[0] == 0


def test_a_mock_ends_with_its_parent(tmp_path):
    """When the process that --parent names is gone, the mock goes too."""
    parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    process, _ = start("gp", tmp_path / "ready.json", "--parent", str(parent.pid))
    try:
        time.sleep(0.7)
        assert process.poll() is None
    finally:
        parent.kill()
        parent.wait()
    assert finish(process)[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["gp", "--today", "2026-11-22", "--host", "0.0.0.0"],
        ["gp"],
        ["gp", "--today", "yesterday"],
        ["gp", "--today", "0001-01-01"],
        ["gp", "--today", "2026-11-22", "--port", "70000"],
        ["radiology", "--today", "2026-11-22"],
        ["gp", "--today", "2026-11-22", "--records", "0"],
        ["hospital", "--today", "2026-11-22", "--node-mllp", "192.0.2.1:2575"],
        ["hospital", "--today", "2026-11-22", "--node-mllp", "2575"],
    ],
)
def test_wrong_arguments_are_refused_in_words(arguments):
    """Anything but loopback, no day, an unknown kind: usage on stderr, exit 2, no traceback."""
    done = subprocess.run(COMMAND + arguments, capture_output=True, timeout=20)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr and b"usage" in done.stderr


def test_a_taken_port_is_refused_in_words(tmp_path):
    """The second mock on one port says so, exit 9, no traceback."""
    process, ready = start("gp", tmp_path / "ready.json")
    try:
        arguments = ["gp", "--today", "2026-11-22", "--port", str(ready["port"])]
        done = subprocess.run(COMMAND + arguments, capture_output=True, timeout=20)
        assert done.returncode == 9 and b"Traceback" not in done.stderr
    finally:
        process.send_signal(signal.SIGTERM)
        finish(process)


def test_bytes_that_are_no_http_get_an_error_and_the_next_one_works(tmp_path):
    """A broken client breaks its own connection alone."""
    import socket

    process, ready = start("specialist", tmp_path / "ready.json")
    try:
        for junk in (
            b"\x16\x03\x01\r\n\r\n",
            b"GET / HTTP/1.1\r\nbroken\r\n\r\n",
            b"A" * 70_000 + b"\r\n\r\n",
        ):
            with socket.create_connection(("127.0.0.1", ready["port"]), timeout=5) as connection:
                connection.sendall(junk)
                assert connection.recv(20).startswith(b"HTTP/1.1 4")
        assert httpx.get(f"{ready['url']}/__sandbox/ready").status_code == 200
    finally:
        process.send_signal(signal.SIGTERM)
    assert finish(process) == (0, b"", b"")
    assert not os.path.exists(f"/proc/{process.pid}")
