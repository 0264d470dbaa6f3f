"""Settings of the whole test-suite.

How many examples Hypothesis draws is chosen by the environment variable HYPOTHESIS_PROFILE:

- ``quick`` (default): the same examples in every run, and few;
- ``ci``: the same in every run, and many;
- ``dev``: new examples in every run;
- ``deep``: many more of them.
"""

import gc
import os
from typing import Final

from hypothesis import HealthCheck, settings

from xmpp_im_core import record

# No code may change a record: here each assignment to a field raises. Set before any other module makes its classes.
record.GUARDED = True

# A shared machine may be slow at any moment: no test fails for the time it took.
_PATIENT: Final = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile("quick", _PATIENT, derandomize=True, max_examples=15)
settings.register_profile("ci", _PATIENT, derandomize=True, max_examples=100)
settings.register_profile("dev", _PATIENT, max_examples=100)
settings.register_profile("deep", _PATIENT, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_collection_finish() -> None:
    """Spare the garbage collector what lives as long as the process: it would look at all modules and tests again."""
    gc.collect()
    gc.freeze()
