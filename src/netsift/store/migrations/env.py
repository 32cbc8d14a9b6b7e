"""What Alembic runs: the steps, in the transaction of the connection that :mod:`netsift.store.database` hands over."""

from __future__ import annotations

from alembic import context

from netsift.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=False,
)
context.run_migrations()
