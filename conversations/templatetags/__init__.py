"""What pages of conversations put into templates."""
