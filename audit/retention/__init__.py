"""How long is each workspace's trail kept, and how does what was kept long enough leave it?"""
