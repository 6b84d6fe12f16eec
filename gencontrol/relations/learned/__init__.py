"""Relations by a small trained module: pair geometry, pixels where two regions meet, and cosines of embeddings."""
