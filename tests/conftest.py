"""On CI hypothesis takes the same examples every time, so that a rare one fails no other change."""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")
