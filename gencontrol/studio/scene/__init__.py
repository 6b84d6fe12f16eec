"""What a visitor has drawn and set, as the settings of a run, and back."""
