"""what an original said before it was mapped again

Revises: 0003
"""

import sqlalchemy as sa
from alembic import op


revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'contribution_past',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
        sa.Column('replaced', sa.String(length=32), nullable=False),
        sa.Column('ref', sa.String(length=130), nullable=False),
        sa.Column('intake', sa.String(length=64), nullable=False),
        sa.Column('key', sa.String(length=130), nullable=False),
        sa.Column('event_time', sa.String(length=32), nullable=False),
        sa.Column('sequence', sa.BigInteger(), nullable=False),
        sa.Column('rank', sa.Integer(), nullable=False),
        sa.Column('arrival', sa.BigInteger(), nullable=False),
        sa.Column('content', sa.LargeBinary(length=32), nullable=False),
        sa.Column('sha256', sa.LargeBinary(length=32), nullable=False),
        sa.Column('body', sa.LargeBinary(), nullable=True),
        sa.Column('digest', sa.LargeBinary(), nullable=True),
        sa.Column('act', sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint('id'),
    )
    with op.batch_alter_table('contribution_past', schema=None) as batch_op:
        batch_op.create_index('ix_contribution_past_ref', ['ref'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('contribution_past', schema=None) as batch_op:
        batch_op.drop_index('ix_contribution_past_ref')

    op.drop_table('contribution_past')
