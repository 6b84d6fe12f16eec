"""Stock pipelines with their adapter and encoder: found, compared, opened, and drawn with."""
