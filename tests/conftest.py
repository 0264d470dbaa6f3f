"""Settings of the whole test-suite.

How many examples Hypothesis draws is chosen by the environment variable HYPOTHESIS_PROFILE:

- ``ci`` (default): the same examples in every run;
- ``quick``: the same in every run, and few;
- ``dev``: new examples in every run;
- ``deep``: many more of them.
"""

import os

from hypothesis import HealthCheck, settings

# A shared machine may be slow at any moment: no test fails for the time it took.
settings.register_profile("ci", derandomize=True, deadline=None, max_examples=100, print_blob=True)
settings.register_profile("quick", derandomize=True, deadline=None, max_examples=15, print_blob=True)
settings.register_profile("dev", deadline=None, max_examples=100)
settings.register_profile("deep", deadline=None, max_examples=2_000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
