"""Laws of the loss: areas, terms, factors, the catalogue."""
