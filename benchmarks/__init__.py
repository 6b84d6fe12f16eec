"""What is measured. A module or a package for each question, and one command: `python -m benchmarks.NAME`."""
