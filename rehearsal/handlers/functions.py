"""Lambda."""

from collections.abc import Mapping
from typing import Any

from rehearsal.handlers.model import Context, Handler, Ignore, Naming, Rule
from rehearsal.handlers.storage import asset_bytes

_FUNCTION_RULES: dict[str, Rule] = {
    "durableConfig.retentionPeriod": "RetentionPeriodInDays",
    "snapStart.optimizationStatus": Ignore("an output that the input type repeats"),
    "vpcConfig.vpcId": Ignore("an output that the input type repeats"),
    "imageUri": "Code.ImageUri",
    "s3Bucket": "Code.S3Bucket",
    "s3Key": "Code.S3Key",
    "s3ObjectVersion": "Code.S3ObjectVersion",
    "sourceKmsKeyArn": "Code.SourceKMSKeyArn",
}
_STEERING = {
    "codeSha256": "says when the provider updates the code",
    "replaceSecurityGroupsOnDestroy": "says how the provider deletes the function",
    "replacementSecurityGroupIds": "says how the provider deletes the function",
    "skipDestroy": "says what the provider leaves behind",
    "sourceCodeHash": "says when the provider updates the code",
    "useResourceTimeoutForPropagation": "how long the provider waits",
}


def _function(context: Context) -> tuple[str, Mapping[str, Any]]:
    code = context.take("code")
    concurrency = context.take("reservedConcurrentExecutions")
    params: dict[str, Any] = context.rest("create_function")
    params["FunctionName"] = context.name
    if code is not None:
        params.setdefault("Code", {})["ZipFile"] = asset_bytes(code)
    if context.tags:
        params["Tags"] = context.tags
    answer = context.call("create_function", params)
    if concurrency is not None and concurrency >= 0:
        context.call(
            "put_function_concurrency",
            {"FunctionName": context.name, "ReservedConcurrentExecutions": concurrency},
        )
    arn = context.arn("lambda", f"function:{context.name}")
    version = answer.get("Version", "$LATEST")
    invoke = f"arn:{context.partition}:apigateway:{context.region}:lambda:path/2015-03-31/functions"
    return context.name, {
        "arn": arn,
        "invokeArn": f"{invoke}/{arn}/invocations",
        "qualifiedArn": f"{arn}:{version}",
        "version": version,
        "lastModified": answer.get("LastModified", ""),
        "codeSha256": answer.get("CodeSha256", ""),
        "sourceCodeSize": answer.get("CodeSize", 0),
    }


def _statement_id(context: Context) -> str:
    prefix = context.inputs.get("statementIdPrefix")
    if prefix:
        return f"{prefix}{context.digest()[:26]}"
    return context.inputs.get("statementId") or (
        f"{context.registration.name}-{context.digest()[:7]}"
    )


HANDLERS: dict[str, Handler] = {
    "aws:lambda/function:Function": Handler(
        service="lambda",
        operation="create_function",
        inputs=_FUNCTION_RULES,
        ignored=_STEERING,
        # https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
        naming=Naming(api="FunctionName", prefix="", limit=64),
        tags="-",
        create=_function,
    ),
    "aws:lambda/permission:Permission": Handler(
        service="lambda",
        operation="add_permission",
        inputs={"function": "FunctionName"},
        ignored={"statementIdPrefix": "part of the statement id"},
        params={"StatementId": _statement_id},
        id=_statement_id,
        outputs={"statementId": _statement_id},
    ),
    "aws:lambda/alias:Alias": Handler(
        service="lambda",
        operation="create_alias",
        naming=Naming(prefix="", limit=128),
        id="{AliasArn}",
        outputs={
            "arn": "{AliasArn}",
            "invokeArn": "arn:{partition}:apigateway:{region}:lambda:path/2015-03-31/functions/"
            "{AliasArn}/invocations",
        },
    ),
    "aws:lambda/functionUrl:FunctionUrl": Handler(
        service="lambda",
        operation="create_function_url_config",
        inputs={"authorizationType": "AuthType"},
        id="{in.functionName}",
        outputs={"functionUrl": "{FunctionUrl}", "functionArn": "{FunctionArn}"},
    ),
    "aws:lambda/eventSourceMapping:EventSourceMapping": Handler(
        service="lambda",
        operation="create_event_source_mapping",
        inputs={"destinationConfig.onFailure.destinationArn": "Destination"},
        ignored={"useResourceTimeoutForPropagation": "how long the provider waits"},
        tags="Tags",
        id="{UUID}",
        outputs={
            "arn": "arn:{partition}:lambda:{region}:{account}:event-source-mapping:{id}",
            "uuid": "{UUID}",
            "functionArn": "{FunctionArn}",
            "state": "{State?}",
        },
    ),
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": Handler(
        service="lambda",
        operation="put_function_event_invoke_config",
        id="{in.functionName}",
    ),
    "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig": Handler(
        service="lambda",
        operation="put_provisioned_concurrency_config",
        ignored={"skipDestroy": "says what the provider leaves behind"},
        id="{in.functionName},{in.qualifier}",
    ),
    "aws:lambda/runtimeManagementConfig:RuntimeManagementConfig": Handler(
        service="lambda",
        operation="put_runtime_management_config",
        id="{in.functionName}",
        outputs={"functionArn": "arn:{partition}:lambda:{region}:{account}:function:{id}"},
    ),
}
