"""From pictures and regions to embeddings: for an encoder's width and a geometry, with no host."""
