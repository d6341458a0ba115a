"""How is a customer's data protected, in this deployment and at this moment? A page that says so, row by row of the promise."""
