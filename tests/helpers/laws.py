"""Every law: those of the catalogue, and those that benchmarks compare with."""

from cptlaw import catalog
from cptlaw_evidence.laws import ENTRIES

EVERY = tuple(dict.fromkeys([*catalog.LAWS, *(entry.name for entry in ENTRIES)]))
