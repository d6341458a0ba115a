"""What becomes of a kind of refusal once somebody looks at it?"""
