"""Packets out of capture files and streams: containers, compression, damage, and the order of several inputs."""
