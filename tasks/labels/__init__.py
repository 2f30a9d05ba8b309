"""Human truth: label files, accuracy."""
