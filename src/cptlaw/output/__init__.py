"""Values as text, JSON and figures."""
