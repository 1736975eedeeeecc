"""How the application reaches PostgreSQL."""

import os

import psycopg
from botocore.session import get_session

from app.settings import Database


def connect(database: Database, *, timeout: float = 5) -> psycopg.Connection:
    """A connection with the password that was given, else with a token of the task's role.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html
    """
    return psycopg.connect(
        host=database.host,
        port=database.port,
        dbname=database.name,
        user=database.user,
        password=database.password or token(database),
        connect_timeout=max(2, int(timeout)),
        application_name="api",
        # The stack's database refuses what is not encrypted. libpq's own variable overrides.
        sslmode=os.environ.get("PGSSLMODE", "require"),
    )


def token(database: Database) -> str:
    """A password for 15 minutes, signed here: AWS is asked for the role's credentials only."""
    client = get_session().create_client("rds", region_name=os.environ["AWS_REGION"])
    return client.generate_db_auth_token(
        DBHostname=database.host, Port=database.port, DBUsername=database.user
    )
