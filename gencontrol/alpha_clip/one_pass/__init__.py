"""Several regions in one pass: a class token for each, beside patches that are computed once."""
