"""A WorkOS of our own, on loopback: an HTTP server that the real SDK talks to, so that nothing of it is mocked.

It knows people, organisations, sessions and keys, signs its access tokens, checks who asks, refuses what WorkOS refuses, and
fails when it is told to. `python -m tests.workos --port 8400` runs it for a person who wants to click through a sign-in.
"""
