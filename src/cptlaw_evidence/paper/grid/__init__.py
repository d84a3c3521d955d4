"""Figures and tables from the bundled real runs: every function here that is named as one."""
