"""What a fit says of runs that nobody has done yet, and how far it can be trusted."""
