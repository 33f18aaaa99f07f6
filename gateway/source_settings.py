"""Settings of the providers' systems: `[[sources]]` of the configuration file (normalisation.md 3.6).

Several feeds may listen on one port; then certificate, address and MSH-3/4 must tell them apart, and they
share their TLS. What is true of no feed is refused here, before anything listens.
"""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from itertools import combinations
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from adapters.gp.request import BY_CAPABILITY
from adapters.hospital.charset import codec_from_label
from adapters.terminology.overlay import OverlayRefused, overlay_from_bytes
from adapters.terminology.tables import Overlay
from adapters.times import known_zone
from gateway.errors import RefusedToStart
from gateway.files import require_unshared

_OF_FEEDS = (
    "listen", "tls_cert", "tls_key", "client_ca", "clients", "allow", "senders", "unsafe_plain_mllp", "ack",
    "busy", "charset_override",
)  # fmt: skip


class SourceSettings(BaseModel):
    """One provider's system. `url` or `path` for a pull, `listen` for an MLLP feed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")
    kind: Literal["gp", "hospital", "specialist", "fhir-r4"]
    custodian: str
    url: str | None = None
    listen: str | None = None
    """`HOST:PORT`. Feeds with the same one share the port."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    client_ca: Path | None = None
    """Senders must show a certificate of these issuers."""
    clients: tuple[str, ...] = ()
    """Names in the senders' certificates (DNS or URI; the common name if there is neither). Empty: any."""
    allow: tuple[IPv4Network | IPv6Network, ...] = ()
    """Senders' addresses or networks. Empty: any."""
    senders: tuple[str, ...] = ()
    """`application|facility` as in MSH-3 and MSH-4, either may be empty for any. Empty: any."""
    unsafe_plain_mllp: bool = False
    ack: Literal["auto", "original", "enhanced"] = "auto"
    """`auto`: as MSH-15 and MSH-16 of each message ask."""
    busy: Literal["AE", "AR"] = "AE"
    """What asks for a resend when nothing could be stored: some senders resend on AR only."""
    zone: str | None = None
    charset: str | None = None
    charset_override: str | None = None
    """Beats MSH-18: for a sender whose label is known to lie."""
    facility: str | None = None
    identifier_order: tuple[str, ...] = ()
    authorities: dict[str, str] = Field(default_factory=dict)
    codes: Path | None = None
    """CSV of the source's own codes (adapters/terminology/overlay.py)."""
    test_messages: Literal["park", "accept", "refuse"] = "park"
    asid_from: str = ""
    asid_to: str = ""
    ods: str = ""
    includes: tuple[str, ...] = BY_CAPABILITY
    """What a GP Connect source offers beyond allergies and medication (`includeProblems`, …)."""
    path: Path | None = None
    """An extract as delimited text, in the place of `url`; read anew at each asking."""
    columns: Path | None = None
    """Its column map (TOML)."""
    folder: Path | None = None
    """A folder that CDA documents are dropped into, in the place of `url` (kind specialist)."""
    suffix: str | None = Field(default=None, min_length=1)
    """Agreed end of the names of complete files; without it a file is complete when it stands still."""
    token_file: Path | None = None
    """FHIR R4: the bearer token that the server wants, read at start."""

    @model_validator(mode="after")
    def _reachable(self) -> "SourceSettings":
        if self.kind == "hospital" and not self.listen:
            raise ValueError("a hospital feed needs `listen`")
        if self.kind != "hospital" and not self.url and not self.path and not self.folder:
            raise ValueError("a pull source needs `url`")
        if self.folder and (self.kind != "specialist" or self.url):
            raise ValueError("`folder` is of documents of kind specialist, and stands in the place of `url`")
        if self.suffix and not self.folder:
            raise ValueError("`suffix` is of files in a `folder`")
        if self.path and (self.kind != "gp" or self.url):
            raise ValueError("`path` is of an extract of kind gp, and stands in the place of `url`")
        if bool(self.path) != bool(self.columns):
            raise ValueError("`path` and `columns` belong together")
        if self.token_file and self.kind != "fhir-r4":
            raise ValueError("`token_file` is of a source of kind fhir-r4")
        if self.kind != "hospital" and any(self._says(name) for name in _OF_FEEDS):
            raise ValueError("keys of an MLLP feed have no effect on a source that is asked")
        return self

    @model_validator(mode="after")
    def _secured(self) -> "SourceSettings":
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("`tls_cert` and `tls_key` belong together")
        if self.client_ca is not None and self.tls_cert is None:
            raise ValueError("`client_ca` needs `tls_cert`")
        if self.clients and self.client_ca is None:
            raise ValueError("`clients` needs `client_ca`: a name is worth its issuer")
        return self

    @field_validator("zone")
    @classmethod
    def _zone(cls, name: str | None) -> str | None:
        if name is not None and not known_zone(name):
            raise ValueError("not an IANA time zone")
        return name

    @field_validator("includes")
    @classmethod
    def _includes(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not set(names) <= set(BY_CAPABILITY):
            raise ValueError(f"only {', '.join(BY_CAPABILITY)}")
        return names

    @field_validator("charset", "charset_override")
    @classmethod
    def _charset(cls, name: str | None) -> str | None:
        if name is not None and codec_from_label(name) is None:
            raise ValueError("not a character set of table 0211 nor one that is known by this name")
        return name

    @field_validator("senders")
    @classmethod
    def _senders(cls, senders: tuple[str, ...]) -> tuple[str, ...]:
        if any(one.count("|") != 1 or one == "|" for one in senders):
            raise ValueError("write a sender as `application|facility`; one of the two may be empty")
        return senders

    def _says(self, name: str) -> bool:
        return bool(getattr(self, name) != type(self).model_fields[name].default)

    @property
    def tls(self) -> tuple[Path | None, Path | None, Path | None]:
        """Certificate, key and issuers of clients: what feeds of one port share."""
        return self.tls_cert, self.tls_key, self.client_ca

    def under(self, folder: Path) -> "SourceSettings":
        """With relative paths taken as relative to `folder`."""
        named = ("tls_cert", "tls_key", "client_ca", "codes", "path", "columns", "folder", "token_file")
        paths = {name: getattr(self, name) for name in named}
        return self.model_copy(
            update={name: path and (folder / path).absolute() for name, path in paths.items()}
        )


def overlay_of(source: SourceSettings) -> Overlay | None:
    """The source's `codes`, read and checked. Raises `RefusedToStart` with file and line, and no value."""
    if source.codes is None:
        return None
    require_unshared(source.codes)
    try:
        data = source.codes.read_bytes()
        return overlay_from_bytes(data, custodian=source.custodian, source=source.id)
    except OSError:
        raise RefusedToStart(f"sources.{source.id}.codes: {source.codes} cannot be read") from None
    except OverlayRefused as refused:
        raise RefusedToStart(f"sources.{source.id}.codes: {source.codes}: {refused}") from None


def require_distinct(sources: Sequence[SourceSettings]) -> None:
    """Raises `ValueError`: two sources of one id, or two feeds of one port that a message could both mean."""
    if len({source.id for source in sources}) != len(sources):
        raise ValueError("two sources have the same id")
    feeds = [one for one in sources if one.listen and not one.listen.endswith(":0")]
    for a, b in combinations(feeds, 2):
        if a.listen != b.listen:
            continue
        if a.tls != b.tls:
            raise ValueError(f"sources {a.id} and {b.id} listen on one port with different TLS")
        if _overlap(a, b):
            raise ValueError(
                f"sources {a.id} and {b.id} listen on one port: tell them apart by clients, allow or senders"
            )


def _overlap(a: SourceSettings, b: SourceSettings) -> bool:
    """Whether one message could be of either: neither is chosen before the other (hospital/feed.py)."""
    if bool(a.clients or a.allow) != bool(b.clients or b.allow) or bool(a.senders) != bool(b.senders):
        return False
    clients = not (a.clients and b.clients) or bool(set(a.clients) & set(b.clients))
    senders = not a.senders or any(_meet(one, other) for one in a.senders for other in b.senders)
    return clients and senders and _networks_meet(a, b)


def _meet(one: str, other: str) -> bool:
    pairs = zip(one.split("|"), other.split("|"), strict=True)
    return all(x == y or not x or not y for x, y in pairs)


def _networks_meet(a: SourceSettings, b: SourceSettings) -> bool:
    if not a.allow or not b.allow:
        return True
    return any(x.version == y.version and x.overlaps(y) for x in a.allow for y in b.allow)
