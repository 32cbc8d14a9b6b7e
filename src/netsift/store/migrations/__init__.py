"""The steps that bring a database to the tables of :mod:`netsift.store.tables`, run when a store is opened."""
