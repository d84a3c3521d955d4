"""What other people's runs say of a continual pre-training of which there are no runs yet."""

from cptlaw.decisions.prior.options import PriorOptions
from cptlaw.decisions.prior.planning import plan_prior
from cptlaw.decisions.prior.result import OwnBest, PriorPlan, PriorRange

__all__ = ["OwnBest", "PriorOptions", "PriorPlan", "PriorRange", "plan_prior"]
