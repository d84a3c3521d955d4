"""The planner against dense grids, on random problems."""
