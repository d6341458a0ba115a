"""How does a program use the API? A page that says so, made from the API's own description of itself."""
