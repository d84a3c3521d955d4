"""Learning-rate schedules: segments, text, files for training frameworks."""
