"""Tests of netsift; the folders mirror ``src/netsift``."""
