"""Evidence for what cptlaw claims: accuracy, coverage and regret; the paper; speed."""
