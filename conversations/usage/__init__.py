"""How much was asked, answered and stored, by whom, of which agent, on which day?"""
