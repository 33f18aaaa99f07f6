"""Break-glass grants; what decisions were made from

Revises: 0001
"""

import sqlalchemy as sa
from alembic import op


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('breakglass_grant',
    sa.Column('id', sa.String(length=64), nullable=False),
    sa.Column('who', sa.String(length=512), nullable=False),
    sa.Column('org', sa.String(length=128), nullable=False),
    sa.Column('patient', sa.String(length=128), nullable=False),
    sa.Column('opened', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('breakglass_grant', schema=None) as batch_op:
        batch_op.create_index('breakglass_grant_who', ['who'], unique=False)

    op.create_table('breakglass_event',
    sa.Column('grant', sa.String(length=64), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('by', sa.String(length=512), nullable=False),
    sa.Column('until', sa.BigInteger(), nullable=True),
    sa.Column('verdict', sa.String(length=16), nullable=True),
    sa.Column('exchange', sa.String(length=64), nullable=True),
    sa.Column('sealed', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['grant'], ['breakglass_grant.id'], ),
    sa.PrimaryKeyConstraint('grant', 'n')
    )
    op.create_table('decision_basis',
    sa.Column('exchange', sa.String(length=64), nullable=False),
    sa.Column('person', sa.String(length=128), nullable=True),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('exchange')
    )
    op.create_table('policy_document',
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('kind', 'sha256')
    )


def downgrade() -> None:
    op.drop_table('policy_document')
    op.drop_table('decision_basis')
    op.drop_table('breakglass_event')
    with op.batch_alter_table('breakglass_grant', schema=None) as batch_op:
        batch_op.drop_index('breakglass_grant_who')

    op.drop_table('breakglass_grant')
