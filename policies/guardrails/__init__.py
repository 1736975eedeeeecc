"""Guardrails: a CrossGuard policy pack that reasons about AWS resources before they exist."""

NAME = "guardrails"
VERSION = "0.1.0"
"""Equal to the version in PulumiPolicy.yaml, which is the one that the Pulumi engine shows."""
