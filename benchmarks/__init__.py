"""Figures of performance, as ratios of two things measured in one run (`python -m benchmarks`)."""
