"""Which views of a list does somebody come back to?"""
