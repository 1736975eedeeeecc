"""Reusable building blocks, one component per file; `__main__.py` wires them together."""
