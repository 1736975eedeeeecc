"""What a bucket is for, as far as the rest of the stack tells."""

import functools

from guardrails.kinds import BUCKET, BUCKET_LOGGING, DISTRIBUTION, LOAD_BALANCER, LOG_GROUP
from guardrails.resources import Resource, Stack
from guardrails.values import NotEvaluatedError

APPLICATION_BALANCER = "application load balancer"
NETWORK_BALANCER = "network load balancer"
S3_ACCESS = "S3 server access logging"
CLOUDFRONT = "CloudFront"

SSE_S3_ONLY = frozenset({APPLICATION_BALANCER, S3_ACCESS})
"""Who cannot write to a bucket with a KMS key:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html"""

_WRITERS = (
    (BUCKET_LOGGING, "targetBucket", S3_ACCESS),
    (BUCKET, "logging.targetBucket", S3_ACCESS),
    (DISTRIBUTION, "loggingConfig.bucket", CLOUDFRONT),
    (
        "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination",
        "deliveryDestinationConfiguration.destinationResourceArn",
        "CloudWatch log delivery",
    ),
    ("aws:ec2/flowLog:FlowLog", "logDestination", "flow logs"),
    (
        "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
        "logDestinationConfigs",
        "AWS WAF",
    ),
    *(
        (LOAD_BALANCER, f"{kind}.bucket", "")
        for kind in ("accessLogs", "connectionLogs", "healthCheckLogs")
    ),
)
_ELSEWHERE = (LOG_GROUP, "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream")
"""What else the writers of logs write to."""


def log_writers(stack: Stack, bucket: Resource) -> frozenset[str]:
    """Who writes logs into a bucket; nobody, if it is none for logs.

    Raises:
        NotEvaluatedError: Nobody does for certain, and somebody might.
    """
    writers, undecided = stack.memo("log writers", functools.partial(_index, stack))
    found = frozenset(writers.get(bucket.urn, ()))
    if not found and undecided:
        raise NotEvaluatedError(undecided)
    return found


def _index(stack: Stack) -> tuple[dict[str, set[str]], str]:
    writers: dict[str, set[str]] = {}
    undecided = ""
    for kind, path, name in _WRITERS:
        for source in stack.of(kind):
            try:
                for bucket in stack.targets(source, path, BUCKET):
                    writers.setdefault(bucket.urn, set()).add(name or _balancer(source))
            except NotEvaluatedError as error:
                # An ARN that is not known yet is no bucket's, if a log group gave it.
                if stack.depends(source, path, *_ELSEWHERE):
                    continue
                undecided = f"{error.path} of {source.name}"
    return writers, undecided


def _balancer(source: Resource) -> str:
    kind = source.text("loadBalancerType", "application")
    return APPLICATION_BALANCER if kind == "application" else NETWORK_BALANCER
