"""From rendered views to losses."""
