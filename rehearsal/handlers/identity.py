"""IAM and KMS."""

from collections.abc import Mapping
from typing import Any

from rehearsal.handlers.model import As, Call, Context, Handler, Naming, json_text


def _role(context: Context) -> tuple[str, Mapping[str, Any]]:
    inline = context.take("inlinePolicies", [])
    managed = context.take("managedPolicyArns", [])
    params = context.rest("create_role")
    params["RoleName"] = context.name
    params |= context.tagged()
    role = context.call("create_role", params)["Role"]
    for policy in inline:
        context.call(
            "put_role_policy",
            {
                "RoleName": context.name,
                "PolicyName": policy["name"],
                "PolicyDocument": json_text(policy["policy"]),
            },
        )
    for arn in managed:
        context.call("attach_role_policy", {"RoleName": context.name, "PolicyArn": arn})
    return context.name, {
        "arn": role["Arn"],
        "uniqueId": role["RoleId"],
        "createDate": role["CreateDate"],
        "path": role["Path"],
        "maxSessionDuration": role.get("MaxSessionDuration", 3600),
    }


def _instance_profile(context: Context) -> tuple[str, Mapping[str, Any]]:
    role = context.take("role")
    params = context.rest("create_instance_profile")
    params["InstanceProfileName"] = context.name
    params |= context.tagged()
    profile = context.call("create_instance_profile", params)["InstanceProfile"]
    if role:
        context.call(
            "add_role_to_instance_profile",
            {"InstanceProfileName": context.name, "RoleName": role},
        )
    return context.name, {"arn": profile["Arn"], "uniqueId": profile["InstanceProfileId"]}


def _key(context: Context) -> tuple[str, Mapping[str, Any]]:
    context.take("deletionWindowInDays")
    rotate = context.take("enableKeyRotation", False)
    period = context.take("rotationPeriodInDays")
    enabled = context.take("isEnabled", True)
    params = context.rest("create_key")
    params |= context.tagged(key="TagKey", value="TagValue")
    key = context.call("create_key", params)["KeyMetadata"]
    if rotate:
        extra = {} if period is None else {"RotationPeriodInDays": int(period)}
        context.call("enable_key_rotation", {"KeyId": key["KeyId"], **extra})
    if not enabled:
        context.call("disable_key", {"KeyId": key["KeyId"]})
    return key["KeyId"], {
        "arn": key["Arn"],
        "keyId": key["KeyId"],
        "multiRegion": key.get("MultiRegion", False),
    }


def _replica_key(context: Context) -> tuple[str, Mapping[str, Any]]:
    context.take("deletionWindowInDays")
    enabled = context.take("enabled", True)
    primary = context.take("primaryKeyArn")
    params = context.rest("replicate_key")
    # The provider sends the id, not the ARN.
    params |= {"KeyId": primary.rsplit("/", 1)[-1], "ReplicaRegion": context.region}
    params |= context.tagged(key="TagKey", value="TagValue")
    # The primary's region is asked, not the replica's.
    answer = context.call("replicate_key", params, region=primary.split(":")[3])
    key = answer["ReplicaKeyMetadata"]
    if not enabled:
        context.call("disable_key", {"KeyId": key["KeyId"]})
    return key["KeyId"], {
        "arn": key["Arn"],
        "keyId": key["KeyId"],
        "keySpec": key.get("KeySpec", "SYMMETRIC_DEFAULT"),
        "keyUsage": key.get("KeyUsage", "ENCRYPT_DECRYPT"),
    }


_FORCE = "says how the provider deletes the role"

HANDLERS: dict[str, Handler] = {
    "aws:iam/role:Role": Handler(
        service="iam",
        operation="create_role",
        inputs={"assumeRolePolicy": As("AssumeRolePolicyDocument", json_text)},
        ignored={"forceDetachPolicies": _FORCE},
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
        naming=Naming(api="RoleName", limit=64),
        tags="-",
        create=_role,
    ),
    "aws:iam/rolePolicy:RolePolicy": Handler(
        service="iam",
        operation="put_role_policy",
        inputs={"role": "RoleName", "policy": As("PolicyDocument", json_text)},
        naming=Naming(api="PolicyName", limit=128),
        id="{in.role}:{name}",
    ),
    "aws:iam/policy:Policy": Handler(
        service="iam",
        operation="create_policy",
        inputs={"policy": As("PolicyDocument", json_text)},
        ignored={"delayAfterPolicyCreationInMs": "only a pause"},
        naming=Naming(api="PolicyName", limit=128),
        tags="Tags",
        id="{Policy.Arn}",
        outputs={
            "arn": "{id}",
            "policyId": "{Policy.PolicyId}",
            "attachmentCount": "{Policy.AttachmentCount?}",
        },
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Handler(
        service="iam",
        operation="attach_role_policy",
        inputs={"role": "RoleName"},
        id="{in.role}/{in.policyArn}",
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": Handler(
        service="iam",
        operation="create_open_id_connect_provider",
        params={"ThumbprintList": lambda c: None if c.inputs.get("thumbprintLists") else []},
        tags="Tags",
        id="{OpenIDConnectProviderArn}",
        outputs={"arn": "{id}"},
    ),
    "aws:iam/instanceProfile:InstanceProfile": Handler(
        service="iam",
        operation="create_instance_profile",
        naming=Naming(api="InstanceProfileName", limit=128),
        tags="-",
        create=_instance_profile,
    ),
    "aws:iam/serviceLinkedRole:ServiceLinkedRole": Handler(
        service="iam",
        operation="create_service_linked_role",
        tags="Tags",
        tagging=Call(operation="tag_role", params={"RoleName": "{Role.RoleName}"}),
        id="{Role.Arn}",
        outputs={
            "arn": "{id}",
            "name": "{Role.RoleName}",
            "path": "{Role.Path}",
            "uniqueId": "{Role.RoleId}",
        },
    ),
    "aws:kms/key:Key": Handler(
        service="kms",
        operation="create_key",
        inputs={
            "policy": As("Policy", json_text),
            "customerMasterKeySpec": "KeySpec",
        },
        tags="-",
        create=_key,
    ),
    "aws:kms/alias:Alias": Handler(
        service="kms",
        operation="create_alias",
        naming=Naming(api="AliasName", limit=256, stem="alias/"),
        id="{name}",
        then=[Call(operation="describe_key", params={"KeyId": "{name}"}, always=True)],
        outputs={
            "arn": "arn:{partition}:kms:{region}:{account}:{name}",
            "targetKeyArn": "{describe_key:KeyMetadata.Arn}",
        },
    ),
    "aws:kms/replicaKey:ReplicaKey": Handler(
        service="kms",
        operation="replicate_key",
        inputs={"policy": As("Policy", json_text)},
        tags="-",
        create=_replica_key,
    ),
    "aws:kms/keyPolicy:KeyPolicy": Handler(
        service="kms",
        operation="put_key_policy",
        inputs={"policy": As("Policy", json_text)},
        params={"PolicyName": "default"},
        id="{in.keyId}",
    ),
}
