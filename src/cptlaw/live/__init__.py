"""A run that is under way: its end foreseen, rules on it, callbacks of training frameworks."""
