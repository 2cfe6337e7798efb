"""`manage.py reports_reader --password-from-env`: the database login with which Grafana reads the reports.

The login is a member of the group role `reports_reader`, which may read the views and call the functions of the schema
`reports`: numbers, no texts, no table of chat or of accounts.
"""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

GROUP = "reports_reader"
# A dashboard asks some twenty panels at once; more connections would be taken from the site.
CONNECTION_LIMIT = 20
STATEMENT_TIMEOUT = "30s"


class Command(BaseCommand):
    """Safe to run again: it sets the password and the site's address anew."""

    help = "Make or update the database login that may read the reports and nothing else, for Grafana."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--password-from-env",
            action="store_true",
            required=True,
            help="take the password from GRAFANA_DB_PASSWORD, or from the file that GRAFANA_DB_PASSWORD_FILE names",
        )
        parser.add_argument("--login", default="grafana", metavar="NAME", help="name of the login (default: grafana)")

    def handle(self, *args: Any, **options: Any) -> None:
        password, login = settings.GRAFANA_DB_PASSWORD, options["login"]
        if not password:
            raise CommandError("GRAFANA_DB_PASSWORD is not set; a login without a password lets nobody in.")
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                _check_name(cursor, login)
                _set_group(cursor)
                _set_login(cursor, login, password)
                _set_site_url(cursor, settings.PUBLIC_URL)
        except DatabaseError as error:
            raise CommandError(
                f"{str(error).strip().splitlines()[0]}. Migrations must have been applied, and the site's database "
                "user be allowed to make roles (CREATEROLE); else docs/grafana.md has what an administrator runs."
            ) from error
        self.stdout.write(f"{login} may read the reports of {connection.settings_dict['NAME']}, and nothing else.")


def _check_name(cursor: CursorWrapper, login: str) -> None:
    """Refuse a role that has other rights, which a new password would hand to Grafana."""
    cursor.execute(
        """
        SELECT 1
          FROM pg_roles AS role
         WHERE role.rolname = %(login)s
           AND (role.rolname IN (CURRENT_USER, %(group)s)
                OR role.rolsuper OR role.rolcreaterole OR role.rolcreatedb OR role.rolbypassrls
                OR EXISTS (SELECT FROM pg_auth_members AS held
                             JOIN pg_roles AS other ON other.oid = held.roleid
                            WHERE held.member = role.oid AND other.rolname <> %(group)s))
        """,
        {"login": login, "group": GROUP},
    )
    if cursor.fetchone():
        raise CommandError(f"--login {login}: that role has rights of its own; choose another name.")


def _set_group(cursor: CursorWrapper) -> None:
    """Make the group where the migration could not, or where the database came from elsewhere without its roles."""
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [GROUP])
    if not cursor.fetchone():
        cursor.execute(f"CREATE ROLE {GROUP} NOLOGIN")
    cursor.execute("SELECT reports.grant_reader()")
    cursor.execute("REVOKE ALL ON FUNCTION reports.grant_reader() FROM PUBLIC")


def _set_login(cursor: CursorWrapper, login: str, password: str) -> None:
    """Make the login or set its password; the server is sent a hash, so that its log never has the password."""
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [login])
    verb = "ALTER" if cursor.fetchone() else "CREATE"
    pgconn = connection.connection.pgconn
    secret = pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256").decode()
    name = sql.Identifier(login)
    for statement in (
        sql.SQL("{verb} ROLE {name} LOGIN CONNECTION LIMIT {limit} PASSWORD {secret}").format(
            verb=sql.SQL(verb), name=name, limit=sql.Literal(CONNECTION_LIMIT), secret=sql.Literal(secret)
        ),
        sql.SQL("GRANT {group} TO {name}").format(group=sql.Identifier(GROUP), name=name),
        sql.SQL("ALTER ROLE {name} SET default_transaction_read_only = on").format(name=name),
        sql.SQL("ALTER ROLE {name} SET statement_timeout = {time}").format(
            name=name, time=sql.Literal(STATEMENT_TIMEOUT)
        ),
    ):
        cursor.execute(statement.as_string(connection.connection))


def _set_site_url(cursor: CursorWrapper, url: str) -> None:
    """Define reports.site_url(), from which dashboards know where their links lead.

    A function, because dashboards are files that nobody should have to edit, and a setting of the role would need a
    superuser.
    """
    cursor.execute(
        sql.SQL("CREATE OR REPLACE FUNCTION reports.site_url() RETURNS text LANGUAGE sql IMMUTABLE RETURN {url}")
        .format(url=sql.Literal(url.rstrip("/")))
        .as_string(connection.connection)
    )
    cursor.execute("REVOKE ALL ON FUNCTION reports.site_url() FROM PUBLIC")
    cursor.execute(f"GRANT EXECUTE ON FUNCTION reports.site_url() TO {GROUP}")
