"""Editing one part of photographs: settings, what they come to, and carrying it out."""
