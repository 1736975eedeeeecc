"""What a configuration may say: pure rules for `settings.py`; no module here reads anything."""
