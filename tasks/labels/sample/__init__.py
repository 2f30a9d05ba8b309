"""Which comments people are asked about: drawn from the verdicts of a day, with known probabilities, and published."""
