"""Speed, memory and monitor-quality measurements, each one command; see benchmarks/README.md."""
