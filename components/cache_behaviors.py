"""What a distribution does with a request, by its path: which origin, kept for how long, by what.

What is part of a cache's key reaches the origin, and nothing else does: an answer can then depend
on nothing that the key does not have, so that nobody gets what was made for another.
"""

from collections.abc import Sequence
from typing import Any

ALL_METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
READING_METHODS = ["GET", "HEAD", "OPTIONS"]
ASSETS_TTL = 30 * 24 * 3600
LONGEST_TTL = 365 * 24 * 3600
"""A year: what HTTP caches take for ever (RFC 9111, section 1.2.2)."""
MOST_BEHAVIORS = 75
"""https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html"""

KEPT_ERRORS = (400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504)
"""Errors that CloudFront keeps for ten seconds unless told otherwise, even where nothing is cached:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html"""
_UNAVAILABLE = (502, 503, 504)


def uncached(origin: str) -> dict[str, Any]:
    """Every method passes, and nothing is kept."""
    return {
        "target_origin_id": origin,
        "viewer_protocol_policy": "redirect-to-https",
        "allowed_methods": ALL_METHODS,
        "cached_methods": ["GET", "HEAD"],
        "compress": True,
    }


def cached(origin: str, path: str) -> dict[str, Any]:
    """Reading passes, and its answers are kept."""
    return {**uncached(origin), "path_pattern": path, "allowed_methods": READING_METHODS}


def cache_policy(ttl: int, *, of_assets: bool) -> dict[str, Any]:
    """For how long an answer is kept, and what makes two requests the same."""
    # An API's answer depends on the name that was asked for and on the query; a file on neither.
    # S3 wants its own name as Host.
    host = {"header_behavior": "whitelist", "headers": {"items": ["Host"]}}
    return {
        # What says no-store is not stored.
        "min_ttl": 0,
        "default_ttl": ttl,
        "max_ttl": LONGEST_TTL if of_assets else ttl,
        "parameters_in_cache_key_and_forwarded_to_origin": {
            "cookies_config": {"cookie_behavior": "none"},
            "headers_config": {"header_behavior": "none"} if of_assets else host,
            "query_strings_config": {"query_string_behavior": "none" if of_assets else "all"},
            "enable_accept_encoding_brotli": True,
            "enable_accept_encoding_gzip": True,
        },
    }


def error_responses(unavailable_page: str) -> list[dict[str, Any]]:
    """No error is kept: the next request may be somebody else's, or come when all is well.

    The API's own answers pass as they are; a page, when there is one, stands in where no API is.
    """
    page = {"response_page_path": unavailable_page, "response_code": 503}
    return [
        {
            "error_code": code,
            "error_caching_min_ttl": 0,
            **(page if unavailable_page and code in _UNAVAILABLE else {}),
        }
        for code in KEPT_ERRORS
    ]


def narrowest_first(paths: Sequence[str]) -> list[str]:
    """Paths in the order in which CloudFront must try them: it takes the first that matches."""
    return sorted(paths, key=lambda path: (path.endswith("/*"), -path.count("/"), path))


def leads_to(path: str, pattern: str) -> bool:
    """Whether a request for `path` matches the pattern."""
    return path.startswith(pattern[:-1]) if pattern.endswith("/*") else path == pattern


def word(path: str) -> str:
    """A path as part of a resource's name."""
    words = path.strip("/").removesuffix("*").strip("/")
    return "".join(c if c.isalnum() else "-" for c in words) or "all"


def path_problems(paths: Sequence[str]) -> list[str]:
    """What is wrong with the paths of one distribution, each with its way out."""
    found = [
        f"path {path!r} is not a path, nor a path and /*"
        for path in paths
        if not path.startswith("/") or "*" in path.removesuffix("/*")
    ]
    if "/*" in paths:
        found.append("path '/*' is everything, also what is somebody's own; name the parts")
    found += [
        f"path {path!r} and an earlier one give one name, {word(path)}; keep one of them"
        for index, path in enumerate(paths)
        if word(path) in {word(earlier) for earlier in paths[:index]}
    ]
    if len(paths) >= MOST_BEHAVIORS:
        found.append(f"{len(paths)} paths; a distribution takes {MOST_BEHAVIORS} behaviours")
    return found


def read_statement(bucket_arn: str, distribution_arn: str) -> dict[str, Any]:
    """Statement of a bucket's policy that lets one distribution read it.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
    """
    return {
        "Sid": "DistributionReads",
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": f"{bucket_arn}/*",
        "Condition": {"StringEquals": {"aws:SourceArn": distribution_arn}},
    }
