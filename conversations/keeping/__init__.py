"""How long does a workspace keep conversations and files that nobody uses?"""
