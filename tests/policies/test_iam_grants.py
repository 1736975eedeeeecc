"""What documents allow together: Deny, the union of a role's policies, and every known way up."""

import json

import pytest
from guardrails.examples import document
from guardrails.iam.document import parse
from guardrails.iam.grants import Named, escalations, find_escalations, granted
from guardrails.registry import node
from guardrails.rules import ALL

RULES = {rule.id: rule for rule in ALL}
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
TRUST = document(
    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
)
PASS = "iam:PassRole"


def allow(*actions: str, on="*", **more) -> dict:
    return {"Effect": "Allow", "Action": list(actions), "Resource": on, **more}


def deny(*actions: str, on="*", **more) -> dict:
    return {**allow(*actions, on=on), "Effect": "Deny", **more}


def named(*documents: list[dict]) -> list[Named]:
    return [
        Named(f"d{i}", parse({"Statement": statements})) for i, statements in enumerate(documents)
    ]


# Sorted: a set has no order, and every worker must collect the same tests.
COMBINATIONS = sorted(escalations(), key=sorted)


def spelled(combination):
    return "+".join(sorted(combination))


@pytest.mark.parametrize(
    ("denied", "left"),
    [
        (deny("s3:PutObject"), ()),
        (deny("s3:Put*"), ()),
        (deny("s3:PutObject", on="arn:aws:s3:::a/*"), ()),
        (deny("s3:PutObject", on="arn:aws:s3:::*"), ()),
        ({"Effect": "Deny", "NotAction": "s3:GetObject", "Resource": "*"}, ()),
        (deny("s3:PutObject", on="arn:aws:s3:::b/*"), ("s3:putobject",)),
        (deny("s3:GetObject"), ("s3:putobject",)),
        (
            deny("s3:PutObject", Condition={"Bool": {"aws:SecureTransport": "false"}}),
            ("s3:putobject",),
        ),
        (
            {"Effect": "Deny", "Action": "s3:PutObject", "NotResource": "arn:aws:s3:::b/*"},
            ("s3:putobject",),
        ),
    ],
)
def test_only_an_unconditional_deny_of_the_same_resources_takes_away(denied, left):
    parsed = parse({"Statement": [allow("s3:PutObject", on="arn:aws:s3:::a/x/*"), denied]})

    assert granted(parsed.allows[0], parsed) == left


def test_the_list_holds_every_published_combination_and_the_way_through_a_service():
    sets = escalations()

    assert len(sets) == 76
    assert frozenset({"iam:passrole", "ecs:registertaskdefinition", "ecs:updateservice"}) in sets
    assert not any(a < b for a in sets for b in sets), "the sets are minimal"


@pytest.mark.parametrize("combination", COMBINATIONS, ids=spelled)
def test_every_combination_is_found_in_one_document(combination):
    found = find_escalations(named([allow(*combination)]))

    assert any(set(e.actions) <= combination for e in found)


@pytest.mark.parametrize("combination", [c for c in COMBINATIONS if len(c) > 1], ids=spelled)
def test_every_combination_is_found_split_over_documents(combination):
    found = find_escalations(named(*[[allow(action)] for action in sorted(combination)]))

    assert any(set(e.actions) <= combination for e in found)


@pytest.mark.parametrize("combination", COMBINATIONS, ids=spelled)
def test_a_deny_in_any_document_takes_a_combination_apart(combination):
    action = sorted(combination)[0]

    found = find_escalations(named([allow(*combination)], [deny(action)]))

    assert not any(action in e.actions for e in found)


@pytest.mark.parametrize("pattern", ["iam:*", "iam:Put*", "lambda:Update*"])
def test_a_wildcard_holds_the_combinations_of_its_members(pattern):
    assert find_escalations(named([allow(pattern)]))


def test_everything_but_a_little_is_enough():
    statement = {"Effect": "Allow", "NotAction": "organizations:*", "Resource": "*"}

    assert find_escalations(named([statement]))


RUN = ("ecs:RegisterTaskDefinition", "ecs:RunTask")


@pytest.mark.parametrize(
    ("statement", "dangerous"),
    [
        (allow(PASS), True),
        (allow(PASS, on="arn:aws:iam::123456789012:role/*"), True),
        (allow(PASS, on="arn:aws:iam::123456789012:role/task"), False),
        (
            allow(
                PASS, Condition={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
            ),
            True,
        ),
        (allow(PASS, Condition={"StringLike": {"iam:PassedToService": "ecs*"}}), True),
        (
            allow(PASS, Condition={"StringEquals": {"iam:PassedToService": "rds.amazonaws.com"}}),
            False,
        ),
        (
            allow(
                PASS,
                Condition={"StringEqualsIfExists": {"iam:PassedToService": "rds.amazonaws.com"}},
            ),
            True,
        ),
    ],
)
def test_pass_role_counts_only_where_it_reaches_roles_that_nobody_named(statement, dangerous):
    assert bool(find_escalations(named([statement, allow(*RUN)]))) is dangerous


def test_an_action_on_a_named_resource_is_no_way_up_but_iams_own_always_are():
    function = "arn:aws:lambda:eu-west-1:123456789012:function:resize"

    assert not find_escalations(named([allow("lambda:UpdateFunctionCode", on=function)]))
    assert find_escalations(
        named([allow("iam:PutRolePolicy", on="arn:aws:iam::123456789012:role/other")])
    )


def test_an_iam_action_that_demands_a_boundary_is_bounded():
    boundary = {"StringEquals": {"iam:PermissionsBoundary": "arn:aws:iam::123456789012:policy/b"}}

    assert not find_escalations(named([allow("iam:PutRolePolicy", Condition=boundary)]))


def role_with(*policies, **properties):
    return [
        node("r", ROLE, {"assumeRolePolicy": TRUST, **properties}),
        *(
            node(f"p{i}", ROLE_POLICY, {"role": "${r.id}", "policy": document(*statements)})
            for i, statements in enumerate(policies)
        ),
    ]


@pytest.mark.parametrize("known", [True, False])
def test_the_union_is_per_role(judge, known):
    rule = RULES["iam-no-privilege-escalation"]
    split = judge(rule, *role_with([allow(PASS)], [allow(*RUN)]), known=known)
    apart = judge(
        rule,
        node("a", ROLE, {"assumeRolePolicy": TRUST}),
        node("b", ROLE, {"assumeRolePolicy": TRUST}),
        node("pa", ROLE_POLICY, {"role": "${a.id}", "policy": document(allow(PASS))}),
        node("pb", ROLE_POLICY, {"role": "${b.id}", "policy": document(allow(*RUN))}),
        known=known,
    )

    assert [s.name for s in split] == ["r"]
    assert "p0, p1" in split[0].message
    assert apart == []


@pytest.mark.parametrize(
    ("type", "properties"),
    [
        (
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            {"role": "${r.name}", "policyArn": "${m.arn}"},
        ),
        (
            "aws:iam/policyAttachment:PolicyAttachment",
            {"roles": ["${r.name}"], "policyArn": "${m.arn}"},
        ),
    ],
)
def test_attached_policies_belong_to_the_union(judge, type, properties):
    said = judge(
        RULES["iam-no-privilege-escalation"],
        *role_with([allow(*RUN)]),
        node("m", "aws:iam/policy:Policy", {"policy": document(allow(PASS))}),
        node("a", type, properties),
    )

    assert [s.name for s in said] == ["r"]


def test_managed_and_inline_policies_of_the_role_itself_belong_to_the_union(judge):
    said = judge(
        RULES["iam-no-privilege-escalation"],
        node(
            "r",
            ROLE,
            {
                "assumeRolePolicy": TRUST,
                "managedPolicyArns": ["${m.arn}"],
                "inlinePolicies": [{"name": "run", "policy": document(allow(*RUN))}],
            },
        ),
        node("m", "aws:iam/policy:Policy", {"policy": document(allow(PASS))}),
    )

    assert [s.name for s in said] == ["r"]
    assert "inlinePolicies[0].policy, m" in said[0].message


def test_a_policy_for_a_role_outside_the_stack_is_judged_by_itself(judge):
    lone = node("lone", ROLE_POLICY, {"role": "elsewhere", "policy": document(allow(PASS, *RUN))})

    assert [s.name for s in judge(RULES["iam-no-privilege-escalation"], lone)] == ["lone"]


def test_an_unknown_document_does_not_hide_the_others(judge):
    secret = node("s", "aws:secretsmanager/secret:Secret")
    reads = [{**allow("secretsmanager:GetSecretValue"), "Resource": "${s.arn}"}]
    nodes = [secret, *role_with([allow(PASS, *RUN)], reads)]

    said = judge(RULES["iam-no-privilege-escalation"], *nodes, known=False)

    assert {(s.policy, s.level) for s in said} == {
        ("iam-no-privilege-escalation", "mandatory"),
        ("not-evaluated", "advisory"),
    }


def test_a_combination_is_accepted_by_configuration_only_with_a_boundary():
    from tests.policies.harness import pack_of, through_server

    rule = RULES["iam-no-privilege-escalation"]
    runner = through_server(pack_of(rule))
    runner.configure({rule.id: {"allowedCombinations": ["iam:PassRole+ecs:RunTask"]}})
    statements = [allow(PASS, "ecs:RunTask")]

    assert runner.run(role_with(statements))
    bounded = role_with(statements, permissionsBoundary="arn:aws:iam::123456789012:policy/b")
    assert runner.run(bounded) == []


def test_documents_survive_the_way_through_json(judge):
    policy = json.dumps({"Version": "2012-10-17", "Statement": allow(PASS, *RUN)}).replace(
        "*", "\\u002a"
    )
    lone = node("lone", ROLE_POLICY, {"role": "x", "policy": policy})

    assert judge(RULES["iam-no-privilege-escalation"], lone)
