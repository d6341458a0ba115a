"""A program repeats a request to which it got no answer: it is told the first one's, and makes nothing twice."""
