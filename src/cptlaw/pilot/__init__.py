"""Which run to do next."""

from cptlaw import store
from cptlaw.goal import Goal
from cptlaw.pilot.budget import Budget
from cptlaw.pilot.candidates import candidates
from cptlaw.pilot.choosing import Pilot, Pilots, pilot
from cptlaw.pilot.first import first_pilots
from cptlaw.pilot.shapes import pilots_shape

store.register(Budget, Goal, Pilot, Pilots, summary={Pilots: pilots_shape})

__all__ = ["Budget", "Pilot", "Pilots", "candidates", "first_pilots", "pilot"]
