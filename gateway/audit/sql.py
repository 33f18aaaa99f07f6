"""Tables of the ledger, its details and patient chains, receipts, exchanges and the replay store.

Leaf, node and checkpoint rows are only ever inserted. The head is one row that an append locks, so appends
take turns on PostgreSQL; SQLite has one writer anyway.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, SmallInteger, String, Table

metadata = MetaData()

ledger_leaf = Table(
    "ledger_leaf",
    metadata,
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("bytes", LargeBinary, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("peer", String(193), nullable=False),
    Column("md", LargeBinary(32), nullable=False),
    Index("ix_ledger_leaf_peer", "peer", "idx"),
)

ledger_node = Table(
    "ledger_node",
    metadata,
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
)
"""Complete subtrees from level 1 on; level 0 are the hashes of the leaves."""

ledger_head = Table(
    "ledger_head",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("frontier", LargeBinary, nullable=False),
)

ledger_checkpoint = Table(
    "ledger_checkpoint",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("note", LargeBinary, nullable=False),
)

ledger_detail = Table(
    "ledger_detail",
    metadata,
    Column("det", LargeBinary(32), primary_key=True),
    Column("idx", BigInteger, nullable=False, unique=True),
    Column("person", String(128)),
    Column("sealed", LargeBinary),
    Index("ix_ledger_detail_person", "person", "idx"),
)
"""`sealed` is NULL once erased; the row stays, so that a detail that was made away with shows."""

patient_chain = Table(
    "patient_chain",
    metadata,
    Column("person", String(128), primary_key=True),
    Column("n", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
)

receipt = Table(
    "receipt",
    metadata,
    Column("exchange", String(64), primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("id", String(128), nullable=False, unique=True),
    Column("person", String(128)),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

exchange = Table(
    "exchange",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("client", String(193), nullable=False),
    Column("organisation", String(128), nullable=False),
    Column("purpose", String(32), nullable=False),
    Column("state", String(32), nullable=False),
    Column("person", String(128)),
    Column("completeness", LargeBinary),
    Column("decision", LargeBinary),
    Column("leaf", BigInteger),
    Index("ix_exchange_at", "at", "id"),
)

replay = Table(
    "replay",
    metadata,
    Column("iss", String(193), primary_key=True),
    Column("jti", String(64), primary_key=True),
    Column("md", LargeBinary(32), nullable=False),
    Column("exp", BigInteger, nullable=False),
    Column("outcome", LargeBinary),
    Index("ix_replay_exp", "exp"),
)

replay_watermark = Table(
    "replay_watermark",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("exp", BigInteger, nullable=False),
)

decision_basis = Table(
    "decision_basis",
    metadata,
    Column("exchange", String(64), primary_key=True),
    Column("person", String(128)),
    Column("sealed", LargeBinary, nullable=False),
)
"""All that the decisions of one exchange were made from, so that each can be derived again."""

policy_document = Table(
    "policy_document",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
"""Packs, registers and source rules that decisions were made under, each once, as bytes."""

ledger_published = Table(
    "ledger_published",
    metadata,
    Column("origin", String(193), primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("witnesses", SmallInteger, nullable=False),
)
"""Checkpoints as members fetch them: with the ML-DSA-44 line, and the lines of so many witnesses."""

ledger_restart = Table(
    "ledger_restart",
    metadata,
    Column("n", SmallInteger, primary_key=True, autoincrement=False),
    Column("origin", String(193), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("lost_origin", String(193), nullable=False),
    Column("lost_size", BigInteger, nullable=False),
    Column("lost_root", LargeBinary(32), nullable=False),
    Column("lost_note", LargeBinary, nullable=False),
)
"""The log went on under another origin from `size` on, because more had been signed than was still there."""

peer_checkpoint = Table(
    "peer_checkpoint",
    metadata,
    Column("origin", String(193), primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary(32), primary_key=True),
    Column("peer", String(128), nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("state", String(8), nullable=False),
    Index("ix_peer_checkpoint_state", "state", "at"),
)
"""What members' messages said of their logs. `state`: `pending`, `proven`, `unproven` or `fork`."""

peer_head = Table(
    "peer_head",
    metadata,
    Column("origin", String(193), primary_key=True),
    Column("peer", String(128), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("logged", BigInteger, nullable=False),
)
"""The largest tree of each member's log that was proven; `logged`: when a `peer` leaf last said so."""

peer_fork = Table(
    "peer_fork",
    metadata,
    Column("origin", String(193), primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary(32), primary_key=True),
    Column("peer", String(128), nullable=False),
    Column("first", LargeBinary, nullable=False),
    Column("second", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("leaf", BigInteger, nullable=False),
)
"""Two signed notes of one log over one size; never deleted. `root`: the second one's."""

peer_leaf = Table(
    "peer_leaf",
    metadata,
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("peer", String(128), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("theirs", BigInteger, nullable=False),
    Column("bytes", LargeBinary, nullable=False),
    Column("proof", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
)
"""Their leaf that a reconciliation paired with ours at `idx`: place, bytes, inclusion proof, checkpoint."""

ledger_stamp = Table(
    "ledger_stamp",
    metadata,
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("origin", String(193), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("token", LargeBinary, nullable=False),
)
"""RFC 3161 tokens over published or stored checkpoints."""
