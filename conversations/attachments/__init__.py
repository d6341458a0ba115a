"""Which files answer in one conversation beside those of its agent?

A conversation's owner attaches files to it: of their own, or shared with the workspace. They are the owner's alone to see there,
whoever else may read the conversation, and each is read only for as long as its owner may read it.
"""
