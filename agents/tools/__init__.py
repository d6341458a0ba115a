"""Which servers of tools may a workspace's agents call, which of their tools, and how is one called?"""
