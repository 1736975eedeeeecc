"""Rules over environment variables: which deployment this is, whom the database obeys."""

import re
from collections.abc import Iterator, Mapping

from configuration.problems import MASK, MISSING, Problem, listed, nearest
from configuration.profiles import Stage

ENVIRONMENT_OF = {
    Stage.STAGING: "staging",
    Stage.PRODUCTION: "production",
    # A pull request's stack, and a developer's own, live in the account of staging and are deployed
    # with its credentials; those of production must never reach unreviewed code.
    Stage.TEMPORARY: "staging",
}
"""The value of `ENVIRONMENT` that each stage accepts."""

RESERVED_DATABASE_WORDS = frozenset(
    """
    all analyse analyze and any array as asc asymmetric both case cast check collate column
    constraint create current_catalog current_date current_role current_time current_timestamp
    current_user default deferrable desc distinct do else end except false fetch for foreign
    from grant group having in initially intersect into lateral leading limit localtime
    localtimestamp not null offset on only or order placing primary references returning select
    session_user some symmetric system_user table then to trailing true union unique user using
    variadic when where window with admin public rdsadmin rds_superuser rds_replication
    rdsrepladmin template0 template1
    """.split()  # noqa: SIM905 - a list of eighty quoted words reads worse
)
"""PostgreSQL's reserved key words, and the roles and databases that RDS owns.
https://www.postgresql.org/docs/current/sql-keywords-appendix.html
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.html"""

SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 128


def environment_problems(stage: Stage | None, environment: Mapping[str, str]) -> Iterator[Problem]:
    """What is wrong with the variables of `environment`; `stage` is None when it was refused."""
    given = environment.get("ENVIRONMENT")
    if given is not None:
        yield from _mismatch(stage, given)
    username, password = environment.get("DB_USERNAME"), environment.get("DB_PASSWORD")
    if username is not None:
        yield from _username_problems(username)
    elif password is not None:
        yield Problem(
            key="DB_USERNAME",
            value=MISSING,
            rule="DB_PASSWORD is the password of DB_USERNAME, which is not set",
            instead="set DB_USERNAME too, or unset DB_PASSWORD and let RDS make the password",
            environment=True,
        )
    if password is not None:
        yield from _password_problems(password)


def _mismatch(stage: Stage | None, given: str) -> Iterator[Problem]:
    words = tuple(dict.fromkeys(ENVIRONMENT_OF.values()))
    if given not in words:
        yield Problem(
            key="ENVIRONMENT",
            value=given,
            rule=f"it is {listed(words)}, or not set",
            instead=f"{nearest(given, words)}set it to {listed(words)}, or unset it",
            environment=True,
        )
    elif stage is not None and given != ENVIRONMENT_OF[stage]:
        why = f"this stack is {stage}"
        if stage is Stage.TEMPORARY:
            why += ", which is deployed from staging's environment and never from production's"
        yield Problem(
            key="ENVIRONMENT",
            value=given,
            rule=f"it matches the stage of the stack, and {why}",
            instead=f"choose the stack that is meant, or set ENVIRONMENT={ENVIRONMENT_OF[stage]}",
            environment=True,
        )


def _username_problems(username: str) -> Iterator[Problem]:
    # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,15}", username, re.ASCII):
        rule = "RDS takes 1 to 16 letters, digits and underscores, a letter first"
    elif username.lower() in RESERVED_DATABASE_WORDS or username.lower().startswith("pg_"):
        rule = "the name is reserved by PostgreSQL or by RDS"
    else:
        return
    yield Problem(
        key="DB_USERNAME",
        value=MASK,
        rule=rule,
        instead="set another name, as babyrobots",
        environment=True,
    )


def _password_problems(password: str) -> Iterator[Problem]:
    # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        yield Problem(
            key="DB_PASSWORD",
            value=MASK,
            rule=f"RDS takes {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters",
            instead=f"set a {'longer' if len(password) < SHORTEST_PASSWORD else 'shorter'} one",
            environment=True,
        )
    names = {"/": "a slash", "@": "an at sign", '"': "a double quote", " ": "a space"}
    found = [name for character, name in names.items() if character in password]
    if any(not " " <= character <= "~" for character in password):
        found.append("something that is not printable ASCII")
    if found:
        yield Problem(
            key="DB_PASSWORD",
            value=MASK,
            rule=f'RDS takes printable ASCII but / @ " and space; it has {listed(found, "and")}',
            instead="set another one, of letters, digits and - _ . ! #",
            environment=True,
        )
