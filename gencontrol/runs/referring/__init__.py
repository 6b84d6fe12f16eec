"""Which part of a picture a phrase means: from settings to an answer, and to a mask for the next command."""
