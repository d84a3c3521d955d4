"""What to run: the plan for a goal, the next pilot, the numbers both rest on."""
