"""Where a run goes: its devices, its processes, Ctrl-C, and whether the hub may be asked."""
