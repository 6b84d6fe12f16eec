"""Data sets that the engine reads, shard by shard."""
