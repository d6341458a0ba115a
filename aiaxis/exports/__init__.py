"""How does an owner take the workspace home?"""
