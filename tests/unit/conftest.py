"""How the unit tests look for counterexamples."""

from hypothesis import HealthCheck, settings

# The same examples each time, and no time limit on one: a check that fails fails for the code, not for a busy machine.
settings.register_profile("unit", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
# More and other examples: pytest --hypothesis-profile=deep tests/unit
settings.register_profile("deep", parent=settings.get_profile("unit"), derandomize=False, max_examples=3000)
settings.load_profile("unit")
