"""Sources of flow batches, one file each, all read through :func:`netsift.sources.flows.read_flows`."""
