"""Who may write into a log group that another AWS service fills."""

import pulumi


def delivery_policy(
    log_group_arn: pulumi.Input[str], account_id: pulumi.Input[str], region: str
) -> pulumi.Output[str]:
    """Admits the log deliveries of this account in this region, and those of no other.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html
    """
    return pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "LogDelivery",
                    "Effect": "Allow",
                    "Principal": {"Service": "delivery.logs.amazonaws.com"},
                    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                    "Resource": pulumi.Output.concat(log_group_arn, ":*"),
                    "Condition": {
                        "StringEquals": {"aws:SourceAccount": account_id},
                        "ArnLike": {
                            "aws:SourceArn": pulumi.Output.concat(
                                "arn:aws:logs:", region, ":", account_id, ":*"
                            )
                        },
                    },
                }
            ],
        }
    )
