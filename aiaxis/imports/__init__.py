"""How does an owner bring in what another installation exported?"""
