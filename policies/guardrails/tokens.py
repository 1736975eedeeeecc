"""Type tokens: pulumi-aws publishes some resources under two, and a rule that knows one can be
walked around.
"""

_LOAD_BALANCING = (
    "listener:Listener",
    "listenerCertificate:ListenerCertificate",
    "listenerRule:ListenerRule",
    "loadBalancer:LoadBalancer",
    "targetGroup:TargetGroup",
    "targetGroupAttachment:TargetGroupAttachment",
)
# What version 7 renamed back, kept by the provider as deprecated spellings:
# https://www.pulumi.com/registry/packages/aws/how-to-guides/7-0-migration/
_S3_WITH_V2 = (
    "bucketAccelerateConfiguration:BucketAccelerateConfiguration",
    "bucketAcl:BucketAcl",
    "bucketCorsConfiguration:BucketCorsConfiguration",
    "bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "bucketLogging:BucketLogging",
    "bucketObjectLockConfiguration:BucketObjectLockConfiguration",
    "bucketRequestPaymentConfiguration:BucketRequestPaymentConfiguration",
    "bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "bucketVersioning:BucketVersioning",
    "bucketWebsiteConfiguration:BucketWebsiteConfiguration",
    "bucket:Bucket",
)


def _v2(token: str) -> str:
    module, name = token.split(":")
    return f"aws:s3/{module}V2:{name}V2"


ALIASES: dict[str, tuple[str, ...]] = {
    **{f"aws:lb/{token}": (f"aws:alb/{token}",) for token in _LOAD_BALANCING},
    **{f"aws:s3/{token}": (_v2(token),) for token in _S3_WITH_V2},
}
"""Canonical token -> the other spellings of the same resource with the same properties."""

_CANONICAL = {alias: token for token, aliases in ALIASES.items() for alias in aliases}


def canonical(token: str) -> str:
    """The one spelling under which rules and joins know a type."""
    return _CANONICAL.get(token, token)


def spellings(token: str) -> tuple[str, ...]:
    """A canonical token and every other spelling of it."""
    return (token, *ALIASES.get(token, ()))
