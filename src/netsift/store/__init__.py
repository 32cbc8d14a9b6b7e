"""What is kept: alerts and what people say of them, users and jobs in a database, flows and packets in files.

:func:`netsift.store.opening.open_store` opens the database, :class:`netsift.store.flows.FlowStore` the flows,
:class:`netsift.store.packets.PacketRing` the packets. docs/stores.md says how each behaves.
"""
