"""Who does the runs: one after another here, Ray tasks, or Slurm jobs."""
