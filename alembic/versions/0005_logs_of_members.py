"""what the logs of members say; restarts, published checkpoints and time stamps

Revises: 0004
"""

import sqlalchemy as sa
from alembic import op


revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ledger_published",
        sa.Column("origin", sa.String(length=193), nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("witnesses", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("origin", "size"),
    )
    op.create_table(
        "ledger_restart",
        sa.Column("n", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.String(length=193), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("lost_origin", sa.String(length=193), nullable=False),
        sa.Column("lost_size", sa.BigInteger(), nullable=False),
        sa.Column("lost_root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("lost_note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("n"),
    )
    op.create_table(
        "ledger_stamp",
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.String(length=193), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("at"),
    )
    op.create_table(
        "peer_checkpoint",
        sa.Column("origin", sa.String(length=193), nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("peer", sa.String(length=128), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.PrimaryKeyConstraint("origin", "size", "root"),
    )
    with op.batch_alter_table("peer_checkpoint", schema=None) as batch_op:
        batch_op.create_index("ix_peer_checkpoint_state", ["state", "at"], unique=False)

    op.create_table(
        "peer_fork",
        sa.Column("origin", sa.String(length=193), nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("peer", sa.String(length=128), nullable=False),
        sa.Column("first", sa.LargeBinary(), nullable=False),
        sa.Column("second", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("leaf", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("origin", "size", "root"),
    )
    op.create_table(
        "peer_head",
        sa.Column("origin", sa.String(length=193), nullable=False),
        sa.Column("peer", sa.String(length=128), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("logged", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("origin"),
    )
    op.create_table(
        "peer_leaf",
        sa.Column("idx", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("peer", sa.String(length=128), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("theirs", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.Column("proof", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("idx"),
    )


def downgrade() -> None:
    op.drop_table("peer_leaf")
    op.drop_table("peer_head")
    op.drop_table("peer_fork")
    with op.batch_alter_table("peer_checkpoint", schema=None) as batch_op:
        batch_op.drop_index("ix_peer_checkpoint_state")

    op.drop_table("peer_checkpoint")
    op.drop_table("ledger_stamp")
    op.drop_table("ledger_restart")
    op.drop_table("ledger_published")
