"""notices to patients

Revises: 0006
"""

import sqlalchemy as sa
from alembic import op


revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('patient_notice',
    sa.Column('id', sa.String(length=64), nullable=False),
    sa.Column('patient', sa.String(length=128), nullable=False),
    sa.Column('org', sa.String(length=128), nullable=False),
    sa.Column('opened', sa.BigInteger(), nullable=False),
    sa.Column('due', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('patient_notice', schema=None) as batch_op:
        batch_op.create_index('patient_notice_patient', ['patient'], unique=False)

    op.create_table('notice_event',
    sa.Column('notice', sa.String(length=64), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('by', sa.String(length=512), nullable=False),
    sa.Column('exchange', sa.String(length=64), nullable=True),
    sa.Column('until', sa.BigInteger(), nullable=True),
    sa.Column('channel', sa.String(length=16), nullable=True),
    sa.Column('sealed', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['notice'], ['patient_notice.id'], ),
    sa.PrimaryKeyConstraint('notice', 'n')
    )


def downgrade() -> None:
    op.drop_table('notice_event')
    with op.batch_alter_table('patient_notice', schema=None) as batch_op:
        batch_op.drop_index('patient_notice_patient')

    op.drop_table('patient_notice')
