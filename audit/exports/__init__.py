"""How does a workspace take its trail away, to read it elsewhere?"""
