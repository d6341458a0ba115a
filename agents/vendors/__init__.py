"""Which model vendors may a workspace's agents ask, with which key, and how much? (See `agents/providers/` for how.)"""
