"""What a run reads and writes: inputs kept from harm, outputs, their encodings, and the records in them."""
