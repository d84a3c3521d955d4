"""Which run to do next."""

from cptlaw.pilot.budget import Budget
from cptlaw.pilot.candidates import candidates
from cptlaw.pilot.choosing import Pilot, Pilots, pilot
from cptlaw.pilot.first import first_pilots

__all__ = ["Budget", "Pilot", "Pilots", "candidates", "first_pilots", "pilot"]
