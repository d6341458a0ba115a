"""A server of tools of our own, on this machine: the protocol over the wire, by its own library's server side, with faults on demand."""
