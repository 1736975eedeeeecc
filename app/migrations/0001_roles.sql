-- Who signs in with a token of a task's role instead of a password: app reads and writes rows,
-- migrator owns the schema. On a PostgreSQL that is not RDS there is no rds_iam.
do $$
begin
  create role app login;
  create role migrator login;
  if exists (select from pg_roles where rolname = 'rds_iam') then
    grant rds_iam to app, migrator;
  end if;
  -- A role can be given privileges in its name only by its members.
  grant migrator to current_user;
  execute format('grant connect, temporary on database %I to app, migrator', current_database());
end
$$;

create schema api authorization migrator;
grant usage on schema api to app;
alter default privileges for role migrator in schema api
  grant select, insert, update, delete on tables to app;
alter default privileges for role migrator in schema api
  grant usage, select on sequences to app;
revoke create on schema public from public;
