"""The tables of every room

Revises:
"""

import sqlalchemy as sa
from alembic import op


revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "node_key",
        sa.Column("kid", sa.String(length=43), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("kid"),
    )
    op.create_table(
        "node_secret",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "agreement_version",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("recorded", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", "version"),
    )
    op.create_table(
        "consent_epoch",
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject"),
    )
    op.create_table(
        "consent_version",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("recorded", sa.BigInteger(), nullable=False),
        sa.Column("recorder", sa.String(length=128), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", "version"),
    )
    with op.batch_alter_table("consent_version", schema=None) as batch_op:
        batch_op.create_index("consent_version_subject", ["subject", "recorded"], unique=False)

    op.create_table(
        "agreement_statement",
        sa.Column("agreement", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("org", sa.String(length=128), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("effective", sa.BigInteger(), nullable=True),
        sa.Column("jws", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agreement", "version"],
            ["agreement_version.id", "agreement_version.version"],
        ),
        sa.PrimaryKeyConstraint("agreement", "version", "place"),
    )
    op.create_table(
        "contribution",
        sa.Column("ref", sa.String(length=130), nullable=False),
        sa.Column("intake", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=130), nullable=False),
        sa.Column("event_time", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("arrival", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("ref", "intake"),
    )
    with op.batch_alter_table("contribution", schema=None) as batch_op:
        batch_op.create_index("ix_contribution_intake", ["intake"], unique=False)

    op.create_table(
        "identifier_token",
        sa.Column("token", sa.LargeBinary(length=32), nullable=False),
        sa.Column("owner", sa.String(length=130), nullable=False),
        sa.PrimaryKeyConstraint("token", "owner"),
    )
    with op.batch_alter_table("identifier_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_identifier_token_owner"), ["owner"], unique=False)

    op.create_table(
        "patient_link",
        sa.Column("patient", sa.String(length=130), nullable=False),
        sa.Column("person", sa.String(length=130), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("custodian", sa.String(length=128), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=130), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("patient"),
    )
    with op.batch_alter_table("patient_link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_patient_link_person"), ["person"], unique=False)

    op.create_table(
        "person",
        sa.Column("id", sa.String(length=130), nullable=False),
        sa.Column("made", sa.String(length=32), nullable=False),
        sa.Column("joined", sa.String(length=130), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_person_joined"), ["joined"], unique=False)

    op.create_table(
        "record",
        sa.Column("ref", sa.String(length=130), nullable=False),
        sa.Column("custodian", sa.String(length=128), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("event_time", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("arrival", sa.BigInteger(), nullable=False),
        sa.Column("intake", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(length=32), nullable=False),
        sa.Column("folded", sa.LargeBinary(), nullable=True),
        sa.Column("folded_digest", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("ref"),
    )
    op.create_table(
        "record_member",
        sa.Column("ref", sa.String(length=130), nullable=False),
        sa.Column("patient", sa.String(length=130), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("seen", sa.String(length=32), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("ref", "patient"),
    )
    with op.batch_alter_table("record_member", schema=None) as batch_op:
        batch_op.create_index("ix_record_member_patient", ["patient", "active"], unique=False)

    op.create_table(
        "subject_key",
        sa.Column("name", sa.String(length=130), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("person", sa.String(length=130), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    with op.batch_alter_table("subject_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_subject_key_person"), ["person"], unique=False)

    op.create_table(
        "register_version",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recorded", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_table(
        "access_token",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    with op.batch_alter_table("access_token", schema=None) as batch_op:
        batch_op.create_index("ix_access_token_client", ["client"], unique=False)
        batch_op.create_index("ix_access_token_expires", ["expires"], unique=False)

    op.create_table(
        "assertion_seen",
        sa.Column("iss", sa.String(length=64), nullable=False),
        sa.Column("jti", sa.String(length=256), nullable=False),
        sa.Column("exp", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("iss", "jti"),
    )
    with op.batch_alter_table("assertion_seen", schema=None) as batch_op:
        batch_op.create_index("ix_assertion_seen_exp", ["exp"], unique=False)

    op.create_table(
        "client",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.String(length=128), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "token_refusal",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("error", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("token_refusal", schema=None) as batch_op:
        batch_op.create_index("ix_token_refusal_at", ["at"], unique=False)

    op.create_table(
        "exchange",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("client", sa.String(length=193), nullable=False),
        sa.Column("organisation", sa.String(length=128), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("person", sa.String(length=128), nullable=True),
        sa.Column("completeness", sa.LargeBinary(), nullable=True),
        sa.Column("decision", sa.LargeBinary(), nullable=True),
        sa.Column("leaf", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("exchange", schema=None) as batch_op:
        batch_op.create_index("ix_exchange_at", ["at", "id"], unique=False)

    op.create_table(
        "ledger_checkpoint",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("size"),
    )
    op.create_table(
        "ledger_detail",
        sa.Column("det", sa.LargeBinary(length=32), nullable=False),
        sa.Column("idx", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.String(length=128), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("det"),
        sa.UniqueConstraint("idx"),
    )
    with op.batch_alter_table("ledger_detail", schema=None) as batch_op:
        batch_op.create_index("ix_ledger_detail_person", ["person", "idx"], unique=False)

    op.create_table(
        "ledger_head",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "ledger_leaf",
        sa.Column("idx", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("peer", sa.String(length=193), nullable=False),
        sa.Column("md", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("idx"),
    )
    with op.batch_alter_table("ledger_leaf", schema=None) as batch_op:
        batch_op.create_index("ix_ledger_leaf_peer", ["peer", "idx"], unique=False)

    op.create_table(
        "ledger_node",
        sa.Column("level", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("idx", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("level", "idx"),
    )
    op.create_table(
        "patient_chain",
        sa.Column("person", sa.String(length=128), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("person"),
    )
    op.create_table(
        "receipt",
        sa.Column("exchange", sa.String(length=64), nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("person", sa.String(length=128), nullable=True),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("exchange", "n"),
        sa.UniqueConstraint("id"),
    )
    op.create_table(
        "replay",
        sa.Column("iss", sa.String(length=193), nullable=False),
        sa.Column("jti", sa.String(length=64), nullable=False),
        sa.Column("md", sa.LargeBinary(length=32), nullable=False),
        sa.Column("exp", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("iss", "jti"),
    )
    with op.batch_alter_table("replay", schema=None) as batch_op:
        batch_op.create_index("ix_replay_exp", ["exp"], unique=False)

    op.create_table(
        "replay_watermark",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("exp", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "intake",
        sa.Column(
            "arrival",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("custodian", sa.String(length=128), nullable=False),
        sa.Column("pushed", sa.Boolean(), nullable=False),
        sa.Column("received", sa.String(length=32), nullable=False),
        sa.Column("seen", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(length=128), nullable=False),
        sa.Column("claim", sa.LargeBinary(length=32), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("person", sa.String(length=130), nullable=True),
        sa.Column("mapping", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("mapped", sa.BigInteger(), nullable=False),
        sa.Column("kept", sa.BigInteger(), nullable=False),
        sa.Column("lost", sa.BigInteger(), nullable=False),
        sa.Column("truncated", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("ack", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("arrival"),
        sa.UniqueConstraint("claim"),
        sa.UniqueConstraint("id"),
    )
    with op.batch_alter_table("intake", schema=None) as batch_op:
        batch_op.create_index("ix_intake_source_person", ["source", "person", "seen"], unique=False)
        batch_op.create_index("ix_intake_source_sha256", ["source", "sha256"], unique=False)
        batch_op.create_index("ix_intake_state", ["state"], unique=False)

    op.create_table(
        "loss",
        sa.Column("intake", sa.String(length=64), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("unit", sa.Integer(), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("disposition", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("resource", sa.String(length=130), nullable=True),
        sa.PrimaryKeyConstraint("intake", "line"),
    )


def downgrade() -> None:
    op.drop_table("loss")
    with op.batch_alter_table("intake", schema=None) as batch_op:
        batch_op.drop_index("ix_intake_state")
        batch_op.drop_index("ix_intake_source_sha256")
        batch_op.drop_index("ix_intake_source_person")

    op.drop_table("intake")
    op.drop_table("replay_watermark")
    with op.batch_alter_table("replay", schema=None) as batch_op:
        batch_op.drop_index("ix_replay_exp")

    op.drop_table("replay")
    op.drop_table("receipt")
    op.drop_table("patient_chain")
    op.drop_table("ledger_node")
    with op.batch_alter_table("ledger_leaf", schema=None) as batch_op:
        batch_op.drop_index("ix_ledger_leaf_peer")

    op.drop_table("ledger_leaf")
    op.drop_table("ledger_head")
    with op.batch_alter_table("ledger_detail", schema=None) as batch_op:
        batch_op.drop_index("ix_ledger_detail_person")

    op.drop_table("ledger_detail")
    op.drop_table("ledger_checkpoint")
    with op.batch_alter_table("exchange", schema=None) as batch_op:
        batch_op.drop_index("ix_exchange_at")

    op.drop_table("exchange")
    with op.batch_alter_table("token_refusal", schema=None) as batch_op:
        batch_op.drop_index("ix_token_refusal_at")

    op.drop_table("token_refusal")
    op.drop_table("client")
    with op.batch_alter_table("assertion_seen", schema=None) as batch_op:
        batch_op.drop_index("ix_assertion_seen_exp")

    op.drop_table("assertion_seen")
    with op.batch_alter_table("access_token", schema=None) as batch_op:
        batch_op.drop_index("ix_access_token_expires")
        batch_op.drop_index("ix_access_token_client")

    op.drop_table("access_token")
    op.drop_table("register_version")
    with op.batch_alter_table("subject_key", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_subject_key_person"))

    op.drop_table("subject_key")
    with op.batch_alter_table("record_member", schema=None) as batch_op:
        batch_op.drop_index("ix_record_member_patient")

    op.drop_table("record_member")
    op.drop_table("record")
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_person_joined"))

    op.drop_table("person")
    with op.batch_alter_table("patient_link", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_patient_link_person"))

    op.drop_table("patient_link")
    with op.batch_alter_table("identifier_token", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_identifier_token_owner"))

    op.drop_table("identifier_token")
    with op.batch_alter_table("contribution", schema=None) as batch_op:
        batch_op.drop_index("ix_contribution_intake")

    op.drop_table("contribution")
    op.drop_table("agreement_statement")
    with op.batch_alter_table("consent_version", schema=None) as batch_op:
        batch_op.drop_index("consent_version_subject")

    op.drop_table("consent_version")
    op.drop_table("consent_epoch")
    op.drop_table("agreement_version")
    op.drop_table("node_secret")
    op.drop_table("node_key")
