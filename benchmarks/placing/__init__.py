"""What the placement benchmarks share."""
