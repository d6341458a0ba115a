"""What does a member say about an answer, and what does the maker of the agent learn of it?

A rating is its author's alone, as the conversation is. Whoever made the agent learns how many answers helped and how many did
not, and reads a comment only where its author chose to pass it on: without the question, the answer, or who it was.
"""
