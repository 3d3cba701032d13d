-- Work that outlasts a request, one row per job; and who has left, so that nothing of theirs comes back.
-- depends: 0004.tenancy

CREATE TABLE deleted_users (
  user_id    uuid        PRIMARY KEY,
  deleted_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE jobs (
  user_id       uuid        NOT NULL,
  job_id        uuid        NOT NULL,
  kind          text        NOT NULL,
  status        text        NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'done', 'failed')),
  progress      double precision NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
  -- Where the work stands: all that whoever goes on with it needs to know.
  state         jsonb       NOT NULL DEFAULT '{}',
  result        jsonb,
  error_code    text,
  error_message text,

  lease_token   uuid,
  lease_until   timestamptz,
  -- Since the last step that came to an end.
  attempts      integer     NOT NULL DEFAULT 0,

  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now(),
  -- When the row, and what it made, is removed; known once it has ended.
  expires_at    timestamptz,

  PRIMARY KEY (user_id, job_id)
);

-- Of a kind, one at a time.
CREATE UNIQUE INDEX jobs_active ON jobs (user_id, kind) WHERE status IN ('queued', 'running');
-- What cleanup looks for, over all tenants.
CREATE INDEX jobs_unsettled ON jobs (updated_at) WHERE status IN ('queued', 'running');
CREATE INDEX jobs_ended ON jobs (expires_at) WHERE expires_at IS NOT NULL;

-- An export on its way: the parts of the archive that are in S3 already.
CREATE TABLE export_parts (
  user_id   uuid    NOT NULL,
  job_id    uuid    NOT NULL,
  part      integer NOT NULL CHECK (part BETWEEN 1 AND 10000),
  -- What S3 wants to be told again when the parts become one object.
  receipt   jsonb   NOT NULL,
  -- The records of this part's files in the archive's central directory, ready to be appended.
  directory bytea   NOT NULL,
  -- What the manifest says of them, one JSON object a line.
  listing   text    NOT NULL,

  PRIMARY KEY (user_id, job_id, part),
  FOREIGN KEY (user_id, job_id) REFERENCES jobs ON DELETE CASCADE
);

ALTER TABLE deleted_users ENABLE ROW LEVEL SECURITY;
ALTER TABLE deleted_users FORCE ROW LEVEL SECURITY;
ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs FORCE ROW LEVEL SECURITY;
ALTER TABLE export_parts ENABLE ROW LEVEL SECURITY;
ALTER TABLE export_parts FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON deleted_users TO collections_app
  USING (user_id = (SELECT current_tenant())) WITH CHECK (user_id = (SELECT current_tenant()));
CREATE POLICY tenant ON jobs TO collections_app
  USING (user_id = (SELECT current_tenant())) WITH CHECK (user_id = (SELECT current_tenant()));
CREATE POLICY tenant ON export_parts TO collections_app
  USING (user_id = (SELECT current_tenant())) WITH CHECK (user_id = (SELECT current_tenant()));

-- Nobody takes a deletion back: no UPDATE, no DELETE.
GRANT SELECT, INSERT ON deleted_users TO collections_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON jobs, export_parts TO collections_app;

CREATE POLICY all_tenants ON jobs TO collections_cleanup USING (true) WITH CHECK (true);
CREATE POLICY all_tenants ON deleted_users TO collections_cleanup USING (true) WITH CHECK (true);
GRANT SELECT (user_id, job_id, kind, status, lease_token, lease_until, attempts, created_at, updated_at, expires_at),
      UPDATE (status, attempts, lease_token, lease_until, error_code, error_message, updated_at, expires_at),
      DELETE
  ON jobs TO collections_cleanup;
GRANT SELECT, DELETE ON deleted_users TO collections_cleanup;

-- A row of somebody who has left is refused wherever it comes from: an old token, a late event, an upload's form.
-- Inserts share a lock that the deletion takes alone. Whoever was before it is found by the job, and whoever comes
-- after it sees the tombstone: the function is volatile, so its query looks anew once the lock is held.
-- Tables whose rows hang below items need no trigger of their own.
CREATE FUNCTION refuse_deleted_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended(NEW.user_id::text, 0));
  IF EXISTS (SELECT FROM public.deleted_users WHERE user_id = NEW.user_id) THEN
    RAISE EXCEPTION 'the account % is deleted', NEW.user_id USING ERRCODE = 'DU001';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION wait_for_inserts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(NEW.user_id::text, 0));
  RETURN NEW;
END $$;

CREATE TRIGGER refuse_deleted_user BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION refuse_deleted_user();
CREATE TRIGGER refuse_deleted_user BEFORE INSERT ON jobs FOR EACH ROW WHEN (NEW.kind <> 'deletion')
  EXECUTE FUNCTION refuse_deleted_user();
CREATE TRIGGER wait_for_inserts BEFORE INSERT ON deleted_users FOR EACH ROW EXECUTE FUNCTION wait_for_inserts();
