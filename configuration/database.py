"""What a stack says of its database."""

from typing import Annotated

from pydantic import Field

from configuration.models import Model
from configuration.values import BackupWindow, Flag, MaintenanceWindow, matching, whole


class DatabaseSettings(Model):
    """The database: whether there is one, how large it is, and what may be done to it."""

    enabled: Flag = Field(default=False, description="Whether there is a PostgreSQL database.")
    name: Annotated[
        str,
        matching(
            r"[A-Za-z][A-Za-z0-9_]{0,62}",
            "a database's name is 1 to 63 letters, digits and underscores, a letter first",
            "write babyrobots",
        ),
    ] = Field(default="babyrobots", description="Database that RDS creates first.")
    engine_version: Annotated[
        str,
        matching(
            r"(1[4-9]|[2-9]\d)(\.\d{1,2})?",
            "a PostgreSQL version is a major of 14 or newer, or a minor of it",
            'write "17", in quotes; RDS then keeps the minor version current',
        ),
    ] = Field(
        default="17",
        description="PostgreSQL version; a major alone follows its minor versions.",
    )
    major_upgrade: Flag = Field(
        default=False,
        description="Whether a new major in engineVersion may be applied; it cannot be undone.",
    )
    blue_green: Flag = Field(
        default=False,
        description="Whether an update that restarts the instance is made on a copy that then"
        " takes over.",
    )
    extended_support: Flag = Field(
        default=False,
        description="Whether a version past its end of life is kept, for an hourly charge.",
    )
    instance_class: Annotated[
        str,
        matching(
            r"db\.[a-z]\w*\.[a-z0-9]+",
            "an instance class is db.<family>.<size>",
            "write db.t4g.micro",
        ),
    ] = Field(default="db.t4g.micro", description="Size of the database's machine.")
    allocated_storage_gib: Annotated[int, whole(20, 65536, "storage in GiB (gp3, PostgreSQL)")] = (
        Field(default=20, description="Storage to begin with.")
    )
    max_allocated_storage_gib: Annotated[int, whole(0, 65536, "the storage limit in GiB")] = Field(
        default=100, description="Storage that RDS may grow to by itself; 0 never grows."
    )
    backup_window: BackupWindow = Field(
        default="02:00-03:00", description="Daily time of the backup, UTC."
    )
    maintenance_window: MaintenanceWindow = Field(
        default="sun:03:30-sun:04:30", description="Weekly time of maintenance, UTC."
    )
