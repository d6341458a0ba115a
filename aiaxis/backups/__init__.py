"""How is an installation copied, and brought back from its copy?"""
