"""The hospital mock as an MLLP sender, against a listener written here from the MLLP specification."""

import asyncio
import contextlib
from datetime import date

import httpx
import pytest

from gateway.sandbox.mocks.hospital import HospitalMock
from gateway.sandbox.mocks.population import Population

POPULATION = Population(7, date(2026, 11, 22))
FULL = "patient_with_full_record"


class Listener:
    """Takes frames, keeps what came, answers with the codes it is told (the last one from then on)."""

    def __init__(self, *answers):
        self._answers = list(answers) or ["AA"]
        self.frames = []
        self.fragments = []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader, writer):
        with contextlib.suppress(ConnectionError):
            while True:
                try:
                    frame = await reader.readuntil(b"\x1c\r")
                except asyncio.IncompleteReadError as error:
                    self.fragments += [error.partial] if error.partial else []
                    break
                self.frames.append(frame)
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                if answer == "silence":
                    continue
                if answer == "close":
                    break
                control = frame.split(b"\r")[0].split(b"|")[9].decode()
                code, _, error = answer.partition("/")
                err = f"ERR|||{error}^text\r" if error else ""
                ack = f"MSH|^~\\&|N|C|PAS|RXX|20261122||ACK|1|P|2.5.1\rMSA|{code}|{control}\r{err}"
                writer.write(answer.encode() if answer == "garbage" else b"\x0b" + ack.encode() + b"\x1c\r")
                if answer == "garbage":
                    writer.write(b"\x1c\r")
                await writer.drain()
        writer.close()


def send(*answers, faults=(), patient=FULL, message="A01", files=(), **options):
    """The journal lines of one send command, and the listener."""

    async def run():
        async with Listener(*answers) as listener:
            quick = {"ack_timeout": 0.4, "pause": 0.01} | options
            async with HospitalMock(POPULATION, files=files, **quick) as mock, httpx.AsyncClient() as client:
                control = f"{mock.url}/__sandbox/"
                await client.put(f"{control}target", json={"port": listener.port})
                assert (await client.put(f"{control}faults", json=list(faults))).status_code == 200
                body = {"file": "*"} if files else {"patient": patient, "message": message}
                reply = await client.post(f"{control}send", json=body, timeout=20)
                assert reply.status_code == 200, reply.text
                assert (await client.get(f"{control}journal")).json() == reply.json()
                return reply.json(), listener

    return asyncio.run(run())


def test_the_messages_of_a_patient_arrive_framed_and_in_order():
    """Each frame is VT, message, FS CR; each is acknowledged and journalled with code and control id."""
    lines, listener = send(message="*")
    assert [line["message"] for line in lines] == ["A01", "A08", "R01", "R01", "R01", "A03"]
    assert all(f.startswith(b"\x0bMSH|") and f.endswith(b"\r\x1c\r") for f in listener.frames)
    for line in lines:
        assert (line["code"], line["answers"], line["attempts"]) == ("AA", line["control"], 1)
        assert line["ack"].startswith("MSH|")


def test_a_refusal_is_journalled_and_not_repeated():
    """AE and AR are answers: the sender does not hammer a node that said no."""
    lines, listener = send("AR/200")
    assert (lines[0]["code"], lines[0]["error"], lines[0]["attempts"]) == ("AR", "200", 1)
    assert len(listener.frames) == 1


def test_the_error_that_asks_for_it_is_sent_again_same_bytes():
    """AE with 207 says that nothing was kept: the very same message comes again, and is taken."""
    lines, listener = send("AE/207", "AA")
    assert (lines[0]["code"], lines[0]["attempts"]) == ("AA", 2)
    assert listener.frames[0] == listener.frames[1]


@pytest.mark.parametrize(
    ("first", "outcome"), [("silence", "timeout"), ("close", "closed"), ("garbage", "unreadable")]
)
def test_no_acknowledgement_is_resent_and_in_the_end_reported(first, outcome):
    """Once without acknowledgement: sent again. Always without: reported in words, after three attempts."""
    lines, listener = send(first, "AA")
    assert (lines[0]["code"], lines[0]["attempts"], len(listener.frames)) == ("AA", 2, 2)
    lines, listener = send(first)
    assert (lines[0]["outcome"], lines[0]["code"], lines[0]["attempts"]) == (outcome, None, 3)


def test_a_lost_acknowledgement_makes_a_duplicate():
    """The node has taken the message, the sender does not know it: the node sees the same bytes twice."""
    lines, listener = send(faults=[{"kind": "ack_lost", "times": 1}])
    assert (lines[0]["code"], lines[0]["attempts"], lines[0]["faults"]) == ("AA", 2, ["ack_lost"])
    assert listener.frames[0] == listener.frames[1]


def test_a_truncated_message_is_cut_and_sent_whole_afterwards():
    """The listener sees the first bytes and the end of the connection, then the whole message."""
    lines, listener = send(faults=[{"kind": "truncate", "bytes": 40, "times": 1}])
    assert (lines[0]["code"], lines[0]["attempts"]) == ("AA", 2)
    assert [len(fragment) for fragment in listener.fragments] == [40]
    assert listener.frames[0].startswith(listener.fragments[0])


def test_down_sends_nothing():
    """A hospital that is down connects to nobody, and its journal says so."""
    lines, listener = send(faults=[{"kind": "down"}])
    assert (lines[0]["outcome"], listener.frames) == ("down", [])


def test_a_duplicate_is_sent_twice():
    """The same message twice in a row, each acknowledged."""
    _, listener = send(faults=[{"kind": "duplicate"}])
    assert len(listener.frames) == 2 and listener.frames[0] == listener.frames[1]


def test_the_wrong_patient_under_the_right_number():
    """The message has the numbers of the asked patient and the name of another."""
    _, listener = send(faults=[{"kind": "wrong_patient"}])
    own = POPULATION.find(FULL).person
    pid = next(s for s in listener.frames[0].decode().split("\r") if s.startswith("PID")).split("|")
    assert pid[3].startswith(own.nhs_number) and not pid[5].startswith(own.family)


def test_a_hanging_sender_holds_the_connection():
    """hang: the frame never ends; the listener must not wait for ever, the journal says timeout."""
    lines, listener = send(faults=[{"kind": "hang"}], attempts=1)
    assert lines[0]["outcome"] == "timeout"
    assert not listener.frames and listener.fragments[0].startswith(b"\x0bMSH")


def test_given_messages_are_sent_unchanged(tmp_path):
    """Each message of the file in a frame of its own, its line ends as they were."""
    first = b"MSH|^~\\&|A|B|C|D|2026||ADT^A08|X1|P|2.3\nPID|1||9^^^H\n"
    second = b"MSH|^~\\&|A|B|C|D|2026||ORU^R01|X2|P|2.3\r\nPID|1||9^^^H\r\n"
    path = tmp_path / "two.hl7"
    path.write_bytes(first + second)
    lines, listener = send(files=[path])
    assert [frame[1:-2] for frame in listener.frames] == [first, second]
    assert [(line["message"], line["control"]) for line in lines] == [("A08", "X1"), ("R01", "X2")]


def test_nobody_listening_is_an_outcome():
    """A dead node is 'refused' in the journal, no traceback and no endless retry."""

    async def run():
        async with HospitalMock(POPULATION, target=("127.0.0.1", 1), pause=0.01) as mock:
            return await mock.send(FULL, "A01")

    (line,) = asyncio.run(run())
    assert (line["outcome"], line["attempts"]) == ("refused", 3)


@pytest.mark.parametrize(
    ("command", "body", "status"),
    [
        ("send", {"patient": FULL}, 409),
        ("target", {"port": 0}, 400),
        ("faults", [{"kind": "http", "status": 500}], 400),
        ("faults", 7, 400),
        ("target", {"host": "192.0.2.1", "port": 2575}, 400),
        ("target", [], 400),
        ("target", {"port": True}, 400),
    ],
)
def test_commands_that_do_not_fit_are_refused(command, body, status):
    """No target, a target off loopback, and bodies of the wrong shape: refused in words."""

    async def run():
        async with HospitalMock(POPULATION) as mock, httpx.AsyncClient() as client:
            method = "POST" if command == "send" else "PUT"
            return await client.request(method, f"{mock.url}/__sandbox/{command}", json=body)

    reply = asyncio.run(run())
    assert reply.status_code == status and reply.json()["error"]


def test_a_patient_without_messages_is_not_found():
    """The refusal lists who has some."""

    async def run():
        async with HospitalMock(POPULATION, target=("127.0.0.1", 1)) as mock, httpx.AsyncClient() as client:
            body = {"patient": "patient_known_only_to_gp"}
            return await client.post(f"{mock.url}/__sandbox/send", json=body)

    reply = asyncio.run(run())
    assert reply.status_code == 404 and FULL in reply.json()["patient"]
