"""Bad data, told: what a log or a study holds that no training by its learning rates can be."""

from __future__ import annotations

from cptlaw.studies.faults.of_run import Fault, faults_of, good_part
from cptlaw.studies.faults.of_study import SWAPPED, other_names, repeated, sound, swapped, the_same

__all__ = [
    "SWAPPED",
    "Fault",
    "faults_of",
    "good_part",
    "other_names",
    "repeated",
    "sound",
    "swapped",
    "the_same",
]
