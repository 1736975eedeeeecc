"""What brings back what was lost: services, jobs and databases, and a whole region.

Every command shows what it would do and does it only when told to (`--yes`).
"""
