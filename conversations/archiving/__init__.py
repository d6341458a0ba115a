"""How does a conversation go out of sight without going?"""
