"""The member list of a federation: TUF metadata (trust-and-ledger.md, part A) over bytes and time."""
