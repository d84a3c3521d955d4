"""How a law is fitted: objective, searches, standard errors, diagnosis."""
