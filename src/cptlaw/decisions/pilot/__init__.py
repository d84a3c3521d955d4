"""Which run to do next."""

from cptlaw.decisions.pilot.budget import Budget
from cptlaw.decisions.pilot.candidate_runs import candidates
from cptlaw.decisions.pilot.choosing import Pilot, Pilots, pilot
from cptlaw.decisions.pilot.first import first_pilots

__all__ = ["Budget", "Pilot", "Pilots", "candidates", "first_pilots", "pilot"]
