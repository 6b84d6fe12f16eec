"""What one can do with a picture and its regions beside generating from them: one task a file."""
