"""evidence of answers that other nodes gave

Revises: 0005
"""

import sqlalchemy as sa
from alembic import op


revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'evidence',
        sa.Column('md', sa.LargeBinary(length=32), nullable=False),
        sa.Column('req', sa.LargeBinary(length=32), nullable=False),
        sa.Column('member', sa.String(length=128), nullable=False),
        sa.Column('exchange', sa.String(length=64), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.Column('jws', sa.LargeBinary(), nullable=False),
        sa.Column('env', sa.LargeBinary(length=32), nullable=False),
        sa.Column('person', sa.String(length=128), nullable=True),
        sa.Column('blind', sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint('md'),
    )
    with op.batch_alter_table('evidence', schema=None) as batch_op:
        batch_op.create_index('ix_evidence_exchange', ['exchange'], unique=False)



def downgrade() -> None:
    with op.batch_alter_table('evidence', schema=None) as batch_op:
        batch_op.drop_index('ix_evidence_exchange')

    op.drop_table('evidence')
