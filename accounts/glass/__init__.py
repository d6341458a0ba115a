"""How does an operator look at one workspace's content, seen by its owners, for an hour at most, and how does it end?"""
