"""Figures and tables from the paper's coefficients: every function here that is named as one."""
