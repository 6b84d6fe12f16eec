"""What the pipeline classes of hosts share: regions, where a stock diffusers class lacks the argument."""
