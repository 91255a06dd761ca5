"""What our commands cost beside the ones that they stand for: `python -m benchmarks`."""
