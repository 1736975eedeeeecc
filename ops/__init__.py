"""What an operator runs against a deployed stack: `python -m ops --help`."""
