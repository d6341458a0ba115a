"""How does a member let colleagues read a conversation, and take that back?

Whoever it is shared with reads it and does nothing else in it. An answer from a source that they cannot open is not shown to them: its
words are that source's, and nobody gets answers from files that they may not read themselves.
"""
