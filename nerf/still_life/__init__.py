"""Analytic scenes to try things on, and the data sets photographed in them."""
