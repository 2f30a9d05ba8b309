"""Speed, memory and monitor-quality measurements, each one command; each module says how it is run."""
