"""Logs as JSON lines and traces by OTLP, each telling of the other."""

import contextlib
import contextvars
import json
import logging
import os
import re
import secrets
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from app.settings import Settings

ROOT = re.compile(r"(?:^|;)\s*Root=1-([0-9a-f]{8})-([0-9a-f]{24})", re.IGNORECASE)
"""What a load balancer puts in `X-Amzn-Trace-Id`.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html"""

_root: contextvars.ContextVar[int] = contextvars.ContextVar("root", default=0)


@contextlib.contextmanager
def within(header: str) -> Iterator[None]:
    """Has a trace that begins in here bear the id which the load balancer gave to the request.

    The load balancer makes no span, so there is no parent to continue from: only the id is taken.
    """
    found = ROOT.search(header)
    token = _root.set(int(found[1] + found[2], 16) if found else 0)
    try:
        yield
    finally:
        _root.reset(token)


class TraceIds(RandomIdGenerator):
    """Trace ids of the load balancer, else of the form that X-Ray has always accepted.

    https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-traceids
    """

    def generate_trace_id(self) -> int:
        """The request's, or the time in front of 96 random bits."""
        return _root.get() or int(time.time()) << 96 | secrets.randbits(96)


def start_tracing(settings: Settings) -> TracerProvider | None:
    """Sends spans to where OTEL_EXPORTER_OTLP_ENDPOINT says; without it, there are none."""
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return None
    resource = Resource.create(
        {
            "service.name": os.environ.get("OTEL_SERVICE_NAME", "api"),
            "service.version": settings.version,
            "deployment.environment.name": settings.stage,
        }
    )
    provider = TracerProvider(resource=resource, id_generator=TraceIds())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=5)))
    trace.set_tracer_provider(provider)
    return provider


class JsonLines(logging.Formatter):
    """A JSON object per line, so that CloudWatch Logs Insights knows its fields."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._always = {"stage": settings.stage, "version": settings.version}

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever the message holds."""
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **self._always,
            **getattr(record, "fields", {}),
        }
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            id_ = trace.format_trace_id(span.trace_id)
            # As X-Ray writes it, too: that is what its console links a log line by.
            line |= {
                "trace_id": id_,
                "xray_trace_id": f"1-{id_[:8]}-{id_[8:]}",
                "span_id": trace.format_span_id(span.span_id),
            }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def start_logging(settings: Settings) -> None:
    """Everything that is logged goes to standard output, which the container's log driver reads."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines(settings))
    logging.basicConfig(handlers=[handler], level=settings.log_level, force=True)
    for noisy in ("urllib3", "botocore", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
