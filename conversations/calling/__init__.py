"""How does an answer call tools: each call shown, and made only with the word of whoever asked where it changes something?"""
