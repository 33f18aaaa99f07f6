"""The node's own keys, as its configuration says it: part of `gateway/config.py`."""

from pydantic import BaseModel, ConfigDict, Field, model_validator


class KeySettings(BaseModel):
    """`kek`: `file:PATH`, `env:NAME`, `passphrase:ENVNAME`, `exec:PATH`; a file is made with the node.
    `signer`: `exec:PATH`, where some signing keys live elsewhere.
    `suites`: what this node publishes that it takes, by the closed table of `keys.algorithms`; `min_suite`:
    less than which others need not believe of it. Suite 1 is on where the list and both members have it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kek: str = ""
    signer: str = ""
    suites: tuple[int, ...] = Field(default=(3, 2), min_length=1, max_length=8)
    min_suite: int = 3

    @model_validator(mode="after")
    def _in_the_table(self) -> "KeySettings":
        from keys.algorithms import KNOWN_SUITES

        if not set(self.suites) <= KNOWN_SUITES or len(set(self.suites)) != len(self.suites):
            raise ValueError("suites: some of 3, 2 and 1, each once")
        if self.min_suite not in KNOWN_SUITES or self.min_suite > max(self.suites):
            raise ValueError("min_suite: 3, 2 or 1, and not above every suite of the list")
        if 1 in self.suites and self.min_suite > 1:
            # Listed, and yet nobody would believe what it signs: a setting that looks as if it had an effect.
            raise ValueError("suites: 1 is of no use without min_suite = 1, which says so aloud")
        return self
