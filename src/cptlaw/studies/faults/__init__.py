"""Bad data, told: what a log or a study holds that no training by its learning rates can be."""

from __future__ import annotations

from cptlaw.studies.faults.of_run import Fault, faults_of
from cptlaw.studies.faults.of_study import sound

__all__ = ["Fault", "faults_of", "sound"]
