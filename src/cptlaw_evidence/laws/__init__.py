"""Laws that only benchmarks fit, to compare the others with; found by name as those of cptlaw are.

A new one is an `Entry` in one of the modules here.
"""

from cptlaw_evidence.laws import annealing, convex, d_cpt, shifts

ENTRIES = (*annealing.ENTRIES, *convex.ENTRIES, *d_cpt.ENTRIES, *shifts.ENTRIES)

FIELD = (
    "multi-power",
    "functional",
    "clock",
    "momentum",
    "floor",
    "relaxing",
    "convex",
    "step-power",
    "d-cpt",
    "effective+eq3",
    "effective+blend",
    "effective+power",
    "effective+start",
    "effective+repetition",
    "effective+two-timescale",
)
"""What the default and the paper's laws are compared with, in the order of the pages."""
