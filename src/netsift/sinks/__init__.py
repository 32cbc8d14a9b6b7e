"""Where alerts are told: files, syslog and web hooks, each through a spool on disk that outlives a dead receiver."""
