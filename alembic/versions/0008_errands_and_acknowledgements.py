"""what is still to be delivered to other members, and what they said of our answers

Revises: 0007
"""

import sqlalchemy as sa
from alembic import op


revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'outbox',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('kind', sa.String(length=16), nullable=False),
        sa.Column('member', sa.String(length=128), nullable=False),
        sa.Column('made', sa.BigInteger(), nullable=False),
        sa.Column('due', sa.BigInteger(), nullable=False),
        sa.Column('expires', sa.BigInteger(), nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('payload', sa.LargeBinary(), nullable=False),
        sa.Column('envelope', sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint('id'),
    )
    with op.batch_alter_table('outbox', schema=None) as batch_op:
        batch_op.create_index('ix_outbox_due', ['due'], unique=False)
    op.create_table(
        'acknowledged',
        sa.Column('md', sa.LargeBinary(length=32), nullable=False),
        sa.Column('member', sa.String(length=128), nullable=False),
        sa.Column('result', sa.String(length=16), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('md'),
    )


def downgrade() -> None:
    op.drop_table('acknowledged')
    with op.batch_alter_table('outbox', schema=None) as batch_op:
        batch_op.drop_index('ix_outbox_due')

    op.drop_table('outbox')
