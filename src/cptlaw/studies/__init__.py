"""Logs, runs and the studies they form."""
