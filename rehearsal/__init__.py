"""The embedded AWS: rehearses a stack on a machine with no CLI and no account."""
