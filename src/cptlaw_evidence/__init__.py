"""Evidence for what cptlaw claims: accuracy, coverage and regret on real curves, the paper, speed."""
