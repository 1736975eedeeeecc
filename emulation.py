"""What the real provider cannot do against an emulator of AWS, and how a stack lives with it.

The rehearsal needs none of this: it asks the emulator only for what that can answer. `pulumi up`
with the real provider asks for more. moto, the emulator of `python -m rehearsal serve`, then fails
in one of two ways: it has no such operation, which leaves a resource out (`wiring`), or it takes a
value and never gives it back, so that each preview would set it again. The latter are ignored here.
Nothing of it concerns a stack on AWS.
"""

from collections.abc import Mapping, Sequence

import pulumi

NOT_GIVEN_BACK: Mapping[str, Sequence[str]] = {
    # DescribeServices of moto 5.2 knows neither; deployments lack serviceConnectConfiguration.
    "aws:ecs/service:Service": (
        "availabilityZoneRebalancing",
        "capacityProviderStrategies",
        "enableEcsManagedTags",
        "healthCheckGracePeriodSeconds",
        "serviceConnectConfiguration",
    ),
    # GetKeyRotationStatus answers whether, not how often.
    "aws:kms/key:Key": ("rotationPeriodInDays",),
    # A rule that names a security group loses its description.
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": ("description",),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": ("description",),
}
"""Inputs by type of resource, which an emulator keeps to itself."""

MAX_RETRIES = 3
"""Attempts of a call. What an emulator lacks it answers with a 500, which the provider otherwise
repeats for many minutes before it says so."""


def ignore_what_is_not_given_back() -> None:
    """Has every resource of the program ignore changes that only its emulator makes.

    To be called before the first resource is declared.
    """
    pulumi.runtime.register_stack_transformation(_ignoring)


def _ignoring(
    resource: pulumi.ResourceTransformationArgs,
) -> pulumi.ResourceTransformationResult | None:
    ignored = NOT_GIVEN_BACK.get(resource.type_)
    if ignored is None:
        return None
    more = pulumi.ResourceOptions(ignore_changes=[*ignored])
    return pulumi.ResourceTransformationResult(
        resource.props, pulumi.ResourceOptions.merge(resource.opts, more)
    )
