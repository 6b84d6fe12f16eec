"""Recognition and variation: do encoders look where they are told?"""
