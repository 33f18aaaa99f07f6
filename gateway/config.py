"""Frozen settings: one TOML file, single keys overridden by `CAREPACT_SECTION__KEY`; unknown keys refuse.

Order: `--config FILE`, else `CAREPACT_CONFIG`, else `./carepact.toml` (http-api.md 10). Relative paths are
relative to the file that names them.
"""

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from gateway.directory_settings import DirectorySettings
from gateway.errors import RefusedToStart
from gateway.files import require_unshared
from gateway.key_settings import KeySettings
from gateway.source_settings import SourceSettings, require_distinct

_ENV = "CAREPACT_"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Node(_Frozen):
    """Who this node is. `public_url` is configuration, never taken from a request."""

    id: str = Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$", max_length=128)
    public_url: str
    state: Path = Path("carepact-data")
    """Folder of keys, secrets and the embedded database (0700)."""
    civil_timezone: str = "UTC"
    allow_test_patients: bool = False
    """Numbers of the test ranges (NHS 999…) may link records: sandbox and tests only."""


class Serve(_Frozen):
    """Where the HTTP surface listens. Plain HTTP beyond loopback must be asked for, and is noisy."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    tls_cert: Path | None = None
    tls_key: Path | None = None
    unsafe_plain_http: bool = False


class StorageSettings(_Frozen):
    """`url`: empty for SQLite inside `node.state`; `postgresql+asyncpg://…` for more than one worker."""

    url: str = ""


class FloorSettings(_Frozen):
    """The law: a shipped pack by name, or a file. Unsigned ones are refused unless told otherwise."""

    pack: str = "opt-in"
    unsafe_unsigned: bool = False
    """`UnsafeUnsignedFloor`: no lawyer has signed the pack. Said at every start and in every receipt."""


class ConsentSettings(_Frozen):
    """`source_rules`: a file of what the custodians of our sources hold back or mask (consent.md 7)."""

    source_rules: Path | None = None


class LedgerSettings(_Frozen):
    """`on_fork`: what follows when a member shows two histories of its log: `alarm`, and care goes on, or
    `refuse`, and nothing is asked of it or answered to it any more.
    """

    on_fork: Literal["alarm", "refuse"] = "alarm"


class Limits(_Frozen):
    """Every bound by name (assurance.md 7). Bytes, seconds or counts."""

    deadline: float = 10.0
    deadline_max: float = 60.0
    body_bytes: int = 1024 * 1024
    envelope_bytes: int = 4 * 1024 * 1024
    """Of an envelope that another node sends to us: questions, never records."""
    consent_bytes: int = 256 * 1024
    uri_bytes: int = 4096
    parameters: int = 50
    header_bytes: int = 16 * 1024
    header_count: int = 64
    header_read: float = 10.0
    body_read: float = 30.0
    keep_alive: float = 15.0
    connections: int = 1000
    drain: float = 30.0
    assertion_bytes: int = 8192
    clock_skew: int = 10
    token_ttl: int = 300
    answer_resources: int = 10_000
    answer_bytes: int = 16 * 1024 * 1024
    source_bytes: int = 64 * 1024 * 1024
    source_pages: int = Field(default=200, ge=1)
    hl7_bytes: int = 16 * 1024 * 1024
    mllp_idle: float = 60.0
    mllp_connections: int = 64
    mllp_per_address: int = 16


class Settings(BaseSettings):
    """All of it."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=_ENV, env_nested_delimiter="__", hide_input_in_errors=True
    )

    node: Node
    serve: Serve = Serve()
    database: StorageSettings = StorageSettings()
    keys: KeySettings = KeySettings()
    directory: DirectorySettings
    floor: FloorSettings = FloorSettings()
    consent: ConsentSettings = ConsentSettings()
    ledger: LedgerSettings = LedgerSettings()
    limits: Limits = Limits()
    sources: tuple[SourceSettings, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> "Settings":
        require_distinct(self.sources)
        return self

    @property
    def database_url(self) -> str:
        return self.database.url or f"sqlite:///{self.node.state / 'node.db'}"

    @property
    def organisations(self) -> frozenset[str]:
        """This node's own: its id, and the custodians of its sources."""
        return frozenset({self.node.id, *(one.custodian for one in self.sources)})

    @property
    def kek(self) -> str:
        return self.keys.kek or f"file:{self.node.state / 'kek'}"


def locate(path: Path | None) -> Path:
    """The configuration file that applies. Raises `RefusedToStart`, naming the next step."""
    chosen = path or Path(os.environ.get(f"{_ENV}CONFIG", "carepact.toml"))
    if not chosen.is_file():
        raise RefusedToStart(
            f"no configuration at {chosen}: name one with --config, or run `carepact sandbox up`"
        )
    return chosen


def load(path: Path) -> Settings:
    """Read, override from the environment, check. Raises `RefusedToStart` with element paths, no values."""

    require_unshared(path)

    class FromFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return env_settings, TomlConfigSettingsSource(settings_cls, toml_file=path)

    _require_known_sections(path)
    try:
        settings = FromFile()  # type: ignore[call-arg]
    except ValidationError as error:
        where = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']}" for e in error.errors())
        raise RefusedToStart(f"{path}: {where}") from None
    except (OSError, ValueError):
        raise RefusedToStart(f"{path} is not readable TOML") from None
    return _absolute(settings, path.parent)


def _require_known_sections(path: Path) -> None:
    """An override of a section that does not exist would silently have no effect."""
    sections = {f"{_ENV}{name.upper()}" for name in Settings.model_fields}
    overrides = (name.upper() for name in os.environ if name.upper().startswith(_ENV) and "__" in name)
    if any(name.partition("__")[0] not in sections for name in overrides):
        raise RefusedToStart(f"{path}: an environment variable {_ENV}…__… names no section of the settings")


def _absolute(settings: Settings, folder: Path) -> Settings:
    def under(path: Path | None) -> Path | None:
        return path and (folder / path).absolute()

    def after(prefix: str, text: str) -> str:
        return f"{prefix}{under(Path(text.removeprefix(prefix)))}" if text.startswith(prefix) else text

    return settings.model_copy(
        update={
            "node": settings.node.model_copy(update={"state": under(settings.node.state)}),
            "serve": settings.serve.model_copy(
                update={"tls_cert": under(settings.serve.tls_cert), "tls_key": under(settings.serve.tls_key)}
            ),
            "keys": settings.keys.model_copy(update={"kek": after("file:", settings.keys.kek)}),
            "database": settings.database.model_copy(
                update={"url": after("sqlite:///", settings.database.url)}
            ),
            "sources": tuple(source.under(folder) for source in settings.sources),
            "floor": settings.floor.model_copy(update={"pack": _pack(settings.floor.pack, folder)}),
            "consent": settings.consent.model_copy(
                update={"source_rules": under(settings.consent.source_rules)}
            ),
            "directory": settings.directory.model_copy(
                update={
                    "members": under(settings.directory.members),
                    "root": under(settings.directory.root),
                    "mirrors": tuple(_mirror(one, folder) for one in settings.directory.mirrors),
                    "register_file": under(settings.directory.register_file),
                }
            ),
        }
    )


def _mirror(mirror: str, folder: Path) -> str:
    return mirror if mirror.startswith(("http://", "https://")) else str((folder / mirror).absolute())


def _pack(pack: str, folder: Path) -> str:
    """A shipped pack's name has neither a folder nor a suffix; anything else is a file."""
    return str((folder / pack).absolute()) if "/" in pack or pack.endswith(".json") else pack
