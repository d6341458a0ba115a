"""Which documents does a workspace hold, what do they say, and who may read them?"""
