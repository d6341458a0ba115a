"""How does a member find again what was said in their conversations?"""
