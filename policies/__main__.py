"""Starts the policy pack; what it checks is in `guardrails/`."""

from guardrails.server import serve

if __name__ == "__main__":
    serve()
