"""Tables of consents, agreements, grants and notices: rows are only ever inserted, an epoch only rises."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

metadata = MetaData()

consent_version = Table(
    "consent_version",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("subject", String(128), nullable=False),
    Column("recorded", BigInteger, nullable=False),
    Column("recorder", String(128), nullable=False),
    Column("document", LargeBinary, nullable=False),
    Index("consent_version_subject", "subject", "recorded"),
)
consent_epoch = Table(
    "consent_epoch",
    metadata,
    Column("subject", String(128), primary_key=True),
    Column("epoch", BigInteger, nullable=False),
)
agreement_version = Table(
    "agreement_version",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("recorded", BigInteger, nullable=False),
    Column("document", LargeBinary, nullable=False),
)
agreement_statement = Table(
    "agreement_statement",
    metadata,
    Column("agreement", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("org", String(128), nullable=False),
    Column("action", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("effective", BigInteger, nullable=True),
    Column("jws", LargeBinary, nullable=False),
    ForeignKeyConstraint(["agreement", "version"], ["agreement_version.id", "agreement_version.version"]),
)
breakglass_grant = Table(
    "breakglass_grant",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("who", String(512), nullable=False),
    Column("org", String(128), nullable=False),
    Column("patient", String(128), nullable=False),
    Column("opened", BigInteger, nullable=False),
    Index("breakglass_grant_who", "who"),
)
breakglass_event = Table(
    "breakglass_event",
    metadata,
    Column("grant", String(64), ForeignKey("breakglass_grant.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("by", String(512), nullable=False),
    Column("until", BigInteger),
    Column("verdict", String(16)),
    Column("exchange", String(64)),
    Column("sealed", LargeBinary),
)
"""`sealed`: a reason or note, under the patient's key: it may name what happened to her."""
patient_notice = Table(
    "patient_notice",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("patient", String(128), nullable=False),
    Column("org", String(128), nullable=False),
    Column("opened", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Index("patient_notice_patient", "patient"),
)
notice_event = Table(
    "notice_event",
    metadata,
    Column("notice", String(64), ForeignKey("patient_notice.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("by", String(512), nullable=False),
    Column("exchange", String(64)),
    Column("until", BigInteger),
    Column("channel", String(16)),
    Column("sealed", LargeBinary),
)
"""`sealed`: why somebody put it off, or how she was reached, under the patient's key."""
