"""What happened that somebody should hear of now, and how does it reach them once, soon, and not ten thousand times?"""
