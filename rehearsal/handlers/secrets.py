"""Secrets Manager and Systems Manager."""

from collections.abc import Mapping
from typing import Any

from rehearsal.handlers.model import As, Call, Context, Handler, Naming, json_text


def _secret(context: Context) -> tuple[str, Mapping[str, Any]]:
    context.take("recoveryWindowInDays")
    policy = context.take("policy")
    replicas = context.take("replicas", [])
    params = context.rest("create_secret") | {"Name": context.name}
    if replicas:
        params["AddReplicaRegions"] = [
            {"Region": r["region"], **({"KmsKeyId": r["kmsKeyId"]} if r.get("kmsKeyId") else {})}
            for r in replicas
        ]
    params |= context.tagged()
    arn = context.call("create_secret", params)["ARN"]
    if policy:
        context.call("put_resource_policy", {"SecretId": arn, "ResourcePolicy": json_text(policy)})
    return arn, {"arn": arn}


def _secret_version(context: Context) -> tuple[str, Mapping[str, Any]]:
    context.take("secretStringWoVersion")
    write_only = context.take("secretStringWo")
    params = context.rest("put_secret_value")
    if write_only is not None:
        params["SecretString"] = write_only
    answer = context.call("put_secret_value", params | {"ClientRequestToken": context.uuid()})
    return f"{params['SecretId']}|{answer['VersionId']}", {
        "arn": answer["ARN"],
        "versionId": answer["VersionId"],
        "versionStages": answer.get("VersionStages", ["AWSCURRENT"]),
        "hasSecretStringWo": write_only is not None,
    }


def _rotation(context: Context) -> tuple[str, Mapping[str, Any]]:
    secret = context.take("secretId")
    enabled = context.take("rotationEnabled", True)
    if enabled:
        params = context.rest("rotate_secret")
        context.call(
            "rotate_secret", {"SecretId": secret, "ClientRequestToken": context.uuid(), **params}
        )
    else:
        context.call("cancel_rotate_secret", {"SecretId": secret})
    return secret, {"rotationEnabled": enabled}


def _parameter(context: Context) -> tuple[str, Mapping[str, Any]]:
    context.take("valueWoVersion")
    context.take("arn")
    plain = context.take("insecureValue")
    write_only = context.take("valueWo")
    params = context.rest("put_parameter") | {"Name": context.name}
    value = next((v for v in (write_only, plain) if v is not None), None)
    if value is not None:
        params["Value"] = value
    # SSM refuses tags together with Overwrite; the provider sends them apart then.
    if context.tags and not params.get("Overwrite"):
        params["Tags"] = [{"Key": key, "Value": item} for key, item in context.tags.items()]
    answer = context.call("put_parameter", params)
    if context.tags and params.get("Overwrite"):
        context.call(
            "add_tags_to_resource",
            {
                "ResourceType": "Parameter",
                "ResourceId": context.name,
                "Tags": [{"Key": key, "Value": item} for key, item in context.tags.items()],
            },
        )
    path = context.name if context.name.startswith("/") else f"/{context.name}"
    return context.name, {
        "arn": context.arn("ssm", f"parameter{path}"),
        "version": answer["Version"],
        "tier": params.get("Tier", "Standard"),
        "dataType": params.get("DataType", "text"),
    }


HANDLERS: dict[str, Handler] = {
    "aws:secretsmanager/secret:Secret": Handler(
        service="secretsmanager",
        operation="create_secret",
        naming=Naming(limit=512),
        tags="-",
        create=_secret,
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": Handler(
        service="secretsmanager", operation="put_secret_value", create=_secret_version
    ),
    "aws:secretsmanager/secretPolicy:SecretPolicy": Handler(
        service="secretsmanager",
        operation="put_resource_policy",
        inputs={"secretArn": "SecretId", "policy": As("ResourcePolicy", json_text)},
        id="{in.secretArn}",
    ),
    "aws:secretsmanager/secretRotation:SecretRotation": Handler(
        service="secretsmanager", operation="rotate_secret", create=_rotation
    ),
    "aws:ssm/parameter:Parameter": Handler(
        service="ssm",
        operation="put_parameter",
        naming=Naming(prefix="", limit=2048),
        tags="-",
        create=_parameter,
    ),
    "aws:ssm/document:Document": Handler(
        service="ssm",
        operation="create_document",
        inputs={"content": As("Content", json_text), "attachmentsSources": "Attachments"},
        naming=Naming(prefix="", limit=128),
        tags="Tags",
        id="{name}",
        then=[
            Call(
                operation="modify_document_permission",
                inputs={
                    "permissions": As(
                        "AccountIdsToAdd", lambda given: given["accountIds"].split(",")
                    )
                },
                params={"Name": "{name}", "PermissionType": "Share"},
            )
        ],
        outputs={
            "arn": "arn:{partition}:ssm:{region}:{account}:document/{name}",
            "status": "{DocumentDescription.Status}",
            "documentVersion": "{DocumentDescription.DocumentVersion?}",
            "latestVersion": "{DocumentDescription.LatestVersion?}",
            "defaultVersion": "{DocumentDescription.DefaultVersion?}",
        },
    ),
}
