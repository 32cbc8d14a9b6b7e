"""One file per output format; only the chosen one is loaded, because each brings a part of Arrow with it."""
