"""The study file: which logs belong together, study.toml -> Study."""

from cptlaw.studies.study_file.loading import load

__all__ = ["load"]
