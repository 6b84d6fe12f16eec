"""Curves of levels, fitted on pictures and masks of one's own."""
