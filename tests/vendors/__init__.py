"""A model vendor of our own, on this machine: both dialects over the wire, streaming, with faults on demand.

Tests ask it in place of a vendor; `make run-model` lets people try the whole product with it, offline.
"""
