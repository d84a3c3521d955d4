"""The commands of the evidence: `cptlaw bench` and `cptlaw paper`."""
