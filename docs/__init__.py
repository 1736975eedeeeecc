"""What people read, and the generators of those parts that would otherwise lie some day."""
