"""Traces arrive by OTLP, with the load balancer's ids; logs tell of them."""

import re

import pytest

ALB = "Root=1-67891233-abcdef012345678912345678"
ALB_TRACE = "67891233abcdef012345678912345678"


@pytest.fixture
def traced(start, collector):
    return start(
        STAGE="staging",
        VERSION="abc1234",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
    )


def test_a_request_becomes_a_span(traced, collector):
    traced.get("/")
    traced.terminate()
    assert traced.exit_code() == 0

    (span,) = collector.wait_for(1)
    assert span.name == "GET /" or span.name == "GET"
    assert span.parent_span_id == b""
    resource = collector.resources[0]
    assert resource["service.name"] == "api"
    assert resource["service.version"] == "abc1234"
    assert resource["deployment.environment.name"] == "staging"


def test_spans_leave_before_the_process_does(traced, collector):
    """The last ones, too: they tell of the deployment that stops it."""
    for _ in range(30):
        traced.get("/")
    traced.terminate()
    traced.exit_code()

    assert len(collector.spans) == 30


@pytest.mark.parametrize(
    "header", [ALB, f"Self=1-67891234-12456789abcdef012345678;{ALB}", f"{ALB};Sampled=1"]
)
def test_the_trace_has_the_id_of_the_load_balancer(traced, collector, header):
    traced.get("/", X_Amzn_Trace_Id=header)
    traced.terminate()
    traced.exit_code()

    (span,) = collector.wait_for(1)
    assert span.trace_id.hex() == ALB_TRACE


def test_the_id_of_one_request_is_not_anothers(traced, collector):
    traced.get("/", X_Amzn_Trace_Id=ALB)
    traced.get("/")
    traced.get("/", X_Amzn_Trace_Id="Root=nonsense")
    traced.terminate()
    traced.exit_code()

    assert len({span.trace_id for span in collector.wait_for(3)}) == 3


def test_a_caller_with_a_span_of_its_own_is_the_parent(traced, collector):
    traced.get(
        "/",
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        X_Amzn_Trace_Id=ALB,
    )
    traced.terminate()
    traced.exit_code()

    (span,) = collector.wait_for(1)
    assert span.trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert span.parent_span_id.hex() == "00f067aa0ba902b7"


def test_probes_make_no_traces(traced, collector):
    for path in ("/health", "/ready", "/"):
        traced.get(path)
    traced.terminate()
    traced.exit_code()

    assert len(collector.spans) == 1


def test_a_line_of_the_log_names_its_trace(traced):
    traced.get("/", X_Amzn_Trace_Id=ALB)
    traced.terminate()
    traced.exit_code()

    (line,) = [line for line in traced.logs() if line["message"] == "request"]
    assert line["trace_id"] == ALB_TRACE
    assert line["xray_trace_id"] == "1-67891233-abcdef012345678912345678"
    assert re.fullmatch(r"[0-9a-f]{16}", line["span_id"])
    assert (line["method"], line["path"], line["status"]) == ("GET", "/", 200)
    assert (line["stage"], line["version"], line["level"]) == ("staging", "abc1234", "INFO")


def test_every_line_of_the_log_is_json(traced):
    traced.get("/")
    traced.terminate()
    traced.exit_code()

    assert all({"timestamp", "level", "logger", "message"} <= line.keys() for line in traced.logs())
    assert len(traced.logs()) >= 4


def test_without_a_collector_it_answers_all_the_same(start):
    api = start(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1", DRAIN_SECONDS="0")

    assert api.get("/").status == 200
    api.terminate()
    assert api.exit_code() == 0
