"""Training for real: small models, their continuations and the losses on every text."""
