-- The roles that the functions log in as. On RDS they authenticate by IAM token; the local socket trusts its owner.
-- Limits leave room for migrations and an administrator within a t4g.micro's ~80 usable connections.

CREATE EXTENSION IF NOT EXISTS vector;

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'collections_app') THEN
    CREATE ROLE collections_app LOGIN;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'collections_cleanup') THEN
    CREATE ROLE collections_cleanup LOGIN;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_iam') THEN
    GRANT rds_iam TO collections_app, collections_cleanup;
  END IF;
END $$;

ALTER ROLE collections_app CONNECTION LIMIT 64;
ALTER ROLE collections_cleanup CONNECTION LIMIT 4;
-- Every statement here is short; compiling it costs more than running it.
ALTER ROLE collections_app SET jit = off;
ALTER ROLE collections_cleanup SET jit = off;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO collections_app, collections_cleanup;
