"""Settings, start and logs: what is refused at the start, and what a log line may hold."""

import io
import json
import os
from pathlib import Path

import pytest
import structlog

from gateway.api.server import bind, check_exposure
from gateway.bootstrap import open_floor, open_kek, open_node
from gateway.config import Limits, load, locate
from gateway.errors import CATEGORIES, Exit, RefusedToStart
from gateway.logs import ALLOWED, MAX_CHARS

MINIMAL = """
[node]
id = "north.example"
public_url = "https://north.example"
[directory]
members = "members.json"
"""
CANARY = "Zq7canary"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith("CAREPACT_"):
            monkeypatch.delenv(name)


def settings_of(tmp_path, text=MINIMAL):
    file = tmp_path / "carepact.toml"
    file.write_text(text, "utf-8")
    return load(file)


def test_relative_paths_are_relative_to_the_file_that_names_them(tmp_path):
    """Not to where the command was started: state, members, register, certificates, floor, KEK, database."""
    text = MINIMAL + (
        'register = "register.json"\n'
        '[serve]\ntls_cert = "tls/cert.pem"\n'
        '[floor]\npack = "packs/own.json"\n'
        '[keys]\nkek = "file:secret/kek"\n'
        '[database]\nurl = "sqlite:///data/node.db"\n'
    )
    settings = settings_of(tmp_path, text)
    assert settings.node.state == tmp_path / "carepact-data"
    assert settings.directory.members == tmp_path / "members.json"
    assert settings.directory.register_file == tmp_path / "register.json"
    assert settings.serve.tls_cert == tmp_path / "tls/cert.pem"
    assert settings.floor.pack == str(tmp_path / "packs/own.json")
    assert settings.kek == f"file:{tmp_path / 'secret/kek'}"
    assert settings.database_url == f"sqlite:///{tmp_path / 'data/node.db'}"


def test_absolute_paths_names_and_other_addresses_stay(tmp_path):
    """A shipped pack's name, `env:` KEKs and other databases are no paths."""
    text = MINIMAL + (
        '[floor]\npack = "opt-in"\n[keys]\nkek = "env:KEK"\n[database]\nurl = "postgresql+asyncpg://db/x"\n'
    )
    settings = settings_of(tmp_path, text)
    assert (settings.floor.pack, settings.kek) == ("opt-in", "env:KEK")
    assert settings.database_url == "postgresql+asyncpg://db/x"
    absolute = settings_of(tmp_path, MINIMAL + '[database]\nurl = "sqlite:////srv/n.db"\n')
    assert absolute.database_url == "sqlite:////srv/n.db"


@pytest.mark.parametrize(
    "text",
    [
        MINIMAL + f'[serve]\nprot = "{CANARY}"\n',
        MINIMAL + f'[nothing]\nx = "{CANARY}"\n',
        MINIMAL + f'[limits]\ndeadline = "{CANARY}"\n',
        MINIMAL.replace("north.example", f"{CANARY} !"),
        MINIMAL.replace("[directory]", "[other]"),
        MINIMAL + f'[[sources]]\nid = "s"\nkind = "{CANARY}"\ncustodian = "c"\n',
        MINIMAL + '[[sources]]\nid = "s"\nkind = "gp"\ncustodian = "c"\n',
        MINIMAL + '[[sources]]\nid = "s"\nkind = "hospital"\ncustodian = "c"\n',
        MINIMAL + 2 * '[[sources]]\nid = "s"\nkind = "gp"\ncustodian = "c"\nurl = "http://x"\n',
        MINIMAL
        + f'[[sources]]\nid = "s"\nkind = "gp"\ncustodian = "c"\nurl = "http://x"\nzone = "{CANARY}"\n',
        "[node",
        "",
    ],
)
def test_what_is_unknown_missing_or_wrong_refuses_to_start(tmp_path, text):
    """One line with file and element path, without the value; nothing is guessed."""
    with pytest.raises(RefusedToStart) as refused:
        settings_of(tmp_path, text)
    assert "carepact.toml" in str(refused.value)
    assert CANARY not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_bytes_that_are_no_text_refuse_to_start(tmp_path):
    """A file that is not UTF-8 is not TOML."""
    file = tmp_path / "carepact.toml"
    file.write_bytes(b"\xff\xfe[node]")
    with pytest.raises(RefusedToStart):
        load(file)


def test_the_environment_overrides_single_keys(tmp_path, monkeypatch):
    """`CAREPACT_SECTION__KEY`, over what the file says, the rest of the section kept."""
    monkeypatch.setenv("CAREPACT_SERVE__PORT", "9999")
    monkeypatch.setenv("CAREPACT_LIMITS__DEADLINE", "3")
    settings = settings_of(tmp_path, MINIMAL + '[serve]\nport = 1234\nhost = "::1"\n')
    assert (settings.serve.port, settings.serve.host, settings.limits.deadline) == (9999, "::1", 3.0)


def test_an_unknown_key_in_the_environment_refuses_too(tmp_path, monkeypatch):
    """A misspelt override is not silently without effect; a word about the file itself is none."""
    monkeypatch.setenv("CAREPACT_CONFIG", str(tmp_path / "carepact.toml"))
    settings_of(tmp_path)
    monkeypatch.setenv("CAREPACT_SERVE__PROT", CANARY)
    with pytest.raises(RefusedToStart) as refused:
        settings_of(tmp_path)
    assert CANARY not in str(refused.value)
    monkeypatch.delenv("CAREPACT_SERVE__PROT")
    monkeypatch.setenv("CAREPACT_SEVRE__PORT", "1")
    with pytest.raises(RefusedToStart):
        settings_of(tmp_path)


def test_settings_cannot_be_changed(tmp_path):
    """Frozen, all the way down."""
    settings = settings_of(tmp_path)
    with pytest.raises(ValueError):
        settings.serve.port = 1
    with pytest.raises(ValueError):
        settings.limits = Limits()


def test_the_file_is_found_by_option_then_environment_then_folder(tmp_path, monkeypatch):
    """In this order; where there is none, the next step is named."""
    for name in ("a.toml", "b.toml", "carepact.toml"):
        (tmp_path / name).write_text(MINIMAL, "utf-8")
    monkeypatch.chdir(tmp_path)
    assert locate(None) == Path("carepact.toml")
    monkeypatch.setenv("CAREPACT_CONFIG", str(tmp_path / "b.toml"))
    assert locate(None) == tmp_path / "b.toml"
    assert locate(tmp_path / "a.toml") == tmp_path / "a.toml"
    with pytest.raises(RefusedToStart, match="--config"):
        locate(tmp_path / "none.toml")


def test_plain_http_beyond_loopback_must_be_asked_for(tmp_path):
    """`serve.unsafe_plain_http`, or a certificate; else it does not start."""
    with pytest.raises(RefusedToStart, match="unsafe_plain_http"):
        check_exposure(settings_of(tmp_path, MINIMAL + '[serve]\nhost = "0.0.0.0"\n'))
    check_exposure(settings_of(tmp_path, MINIMAL + '[serve]\nhost = "0.0.0.0"\nunsafe_plain_http = true\n'))
    check_exposure(settings_of(tmp_path, MINIMAL + '[serve]\nhost = "::1"\n'))


def test_a_taken_port_refuses_to_start(tmp_path):
    """With the key that chooses another."""
    settings = settings_of(tmp_path, MINIMAL + "[serve]\nport = 0\n")
    with bind(settings) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(RefusedToStart, match="CAREPACT_SERVE__PORT"):
            bind(settings_of(tmp_path, MINIMAL + f"[serve]\nport = {port}\n"))


def test_an_unsigned_floor_pack_is_refused_unless_told(tmp_path):
    """No lawyer signed it: only a test may run on it, and says so by name."""
    with pytest.raises(RefusedToStart, match="unsafe_unsigned"):
        open_floor(settings_of(tmp_path))
    assert open_floor(settings_of(tmp_path, MINIMAL + "[floor]\nunsafe_unsigned = true\n")).name
    with pytest.raises(RefusedToStart, match="pack"):
        open_floor(settings_of(tmp_path, MINIMAL + '[floor]\npack = "nowhere"\n'))


def test_a_missing_kek_beside_keys_is_never_made_anew(tmp_path):
    """A new KEK would make every key and record unreadable for good, so the node does not start."""
    settings = settings_of(tmp_path)
    open_kek(settings, os.urandom)
    assert (settings.node.state / "kek").stat().st_mode & 0o077 == 0
    assert settings.node.state.stat().st_mode & 0o077 == 0
    (settings.node.state / "keys").mkdir()
    (settings.node.state / "kek").unlink()
    with pytest.raises(RefusedToStart, match="kek"):
        open_kek(settings, os.urandom)


@pytest.mark.anyio
@pytest.mark.parametrize("content", [None, b"", b"{}", b"[]", b"\xff", b'{"v":1}'])
async def test_members_that_cannot_be_read_refuse_to_start(tmp_path, content):
    """Without trust nothing is sealed or believed; the line says where to look."""
    if content is not None:
        (tmp_path / "members.json").write_bytes(content)
    settings = settings_of(tmp_path, MINIMAL + "[floor]\nunsafe_unsigned = true\n")
    with pytest.raises(RefusedToStart):
        async with open_node(settings):
            pass


def lines_of(monkeypatch, *calls):
    """What the configured processors print for these calls of `log.info`."""
    import gateway.logs

    out = io.StringIO()
    config = structlog.get_config()
    logger = structlog.wrap_logger(
        structlog.PrintLogger(out),
        processors=config["processors"],
        wrapper_class=config["wrapper_class"],
    )
    assert gateway.logs.log is not None
    for event, values in calls:
        logger.info(event, **values)
    return out.getvalue().splitlines()


def test_only_allowed_keys_are_logged(monkeypatch):
    """A key that is not listed is dropped and counted, whatever it holds."""
    (line,) = lines_of(monkeypatch, ("asked", {"patient": CANARY, "identifier": CANARY, "source": "gp"}))
    value = json.loads(line)
    assert CANARY not in line
    assert (value["dropped"], value["source"], value["event"]) == (2, "gp", "asked")


def test_a_line_is_one_line_and_bounded(monkeypatch):
    """Controls are escaped, long values cut, other types named instead of shown."""
    (line,) = lines_of(
        monkeypatch,
        (
            "x",
            {"source": "a\r\n\x1b[31mFORGED", "error": "e" * 5000, "client": [CANARY], "state": {CANARY: 1}},
        ),
    )
    value = json.loads(line)
    assert "\x1b" not in line
    assert len(value["error"]) == MAX_CHARS
    assert (value["client"], value["state"]) == ("list", "dict")
    assert CANARY not in line


def test_nothing_that_could_hold_a_patient_is_allowed():
    """The list has no address, path, query, name, number, text or body."""
    assert not ALLOWED & {
        "url", "path", "query", "name", "identifier", "patient", "person", "subject", "body", "text", "value",
        "exception", "exc_info", "stack", "message", "headers",
    }  # fmt: skip


def test_the_table_of_errors_is_closed_and_consistent():
    """Each row once, with a FHIR issue code, an exit code of the table and a known level."""
    assert len(CATEGORIES) == 27
    for row in CATEGORIES.values():
        assert 400 <= row.status <= 599
        assert isinstance(row.exit, Exit)
        assert row.level in ("info", "warning", "error", "critical")
    assert {row.text for row in CATEGORIES.values() if row.status == 404} == {"Not available."}


def test_a_configuration_that_everybody_can_write_is_refused(tmp_path):
    """Whoever can write it decides whom the node trusts."""
    import pytest

    from gateway.errors import RefusedToStart
    from gateway.files import require_unshared

    path = tmp_path / "carepact.toml"
    path.write_text("", "utf-8")
    require_unshared(path)
    path.chmod(0o666)
    with pytest.raises(RefusedToStart, match="chmod o-w"):
        require_unshared(path)
