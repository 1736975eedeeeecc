"""What can be chosen about a distribution, for the configuration too: no provider is needed."""

from enum import StrEnum

DEFAULT_CONTENT_SECURITY_POLICY = "default-src 'none'; frame-ancestors 'none'"
"""What an API answers is no page: it loads nothing, and nobody frames it."""


class PriceClass(StrEnum):
    """Where the distribution answers: https://aws.amazon.com/cloudfront/pricing/"""

    EUROPE_AND_NORTH_AMERICA = "PriceClass_100"
    """The cheapest locations; others are served from there."""
    MOST = "PriceClass_200"
    """Without South America and Oceania."""
    ALL = "PriceClass_All"
    """Everywhere."""


class MinimumTls(StrEnum):
    """The oldest TLS that is spoken, and with it the ciphers.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/secure-connections-supported-viewer-protocols-ciphers.html
    """

    TLS_1_2_2021 = "TLSv1.2_2021"
    """TLS 1.2 and 1.3, without CBC ciphers."""
    TLS_1_2_2025 = "TLSv1.2_2025"
    """TLS 1.2 and 1.3, with fewer ciphers."""
    TLS_1_3_2025 = "TLSv1.3_2025"
    """TLS 1.3 alone."""
