"""What is looked at before work begins, and at its end: settings, data sets, room on the disk, a fit."""
