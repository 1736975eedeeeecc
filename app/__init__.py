"""The reference API: what the platform asks of an application, in as little code as possible.

It is a stand-in for the real one, and a specification of it: health and readiness, traces, logs,
graceful stop, migrations. Everything comes from the environment, nothing is written to disk.
"""
