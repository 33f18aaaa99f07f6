"""Whom the node believes, as its configuration says it: part of `gateway/config.py`."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from adapters.addresses import reach_from_text


class DirectorySettings(BaseModel):
    """Who is believed, and the register of organisations and people.

    Either `members`, the node's own file, or a federation: its root, pinned by fingerprint, and where to look
    for news of it (URLs or folders). There is no first-use trust and no default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    members: Path | None = None
    root: Path | None = None
    root_sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    mirrors: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    """Networks (CIDR) that members may be reached in beside the public ones: what they name is judged."""
    register_file: Path | None = Field(default=None, alias="register")

    @model_validator(mode="after")
    def _readable(self) -> "DirectorySettings":
        reach_from_text(self.networks)
        return self

    @model_validator(mode="after")
    def _one_way(self) -> "DirectorySettings":
        if (self.members is None) == (not self.root_sha256) or (self.root is None) == bool(self.root_sha256):
            raise ValueError("either members, or root and root_sha256")
        return self
