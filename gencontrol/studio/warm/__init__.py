"""Runs in a process that keeps its model open, and the way there."""
