"""How does a member take a conversation away?"""
