-- Every statement filters by user_id; these policies are for the day someone forgets to.
-- depends: 0003.search

CREATE FUNCTION current_tenant() RETURNS uuid
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('app.user_id', true), '')::uuid;

ALTER TABLE items ENABLE ROW LEVEL SECURITY;
ALTER TABLE items FORCE ROW LEVEL SECURITY;
ALTER TABLE analyses ENABLE ROW LEVEL SECURITY;
ALTER TABLE analyses FORCE ROW LEVEL SECURITY;
ALTER TABLE item_search ENABLE ROW LEVEL SECURITY;
ALTER TABLE item_search FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON items TO collections_app
  USING (user_id = (SELECT current_tenant())) WITH CHECK (user_id = (SELECT current_tenant()));
CREATE POLICY tenant ON analyses TO collections_app
  USING (user_id = (SELECT current_tenant())) WITH CHECK (user_id = (SELECT current_tenant()));
CREATE POLICY tenant ON item_search TO collections_app
  USING (user_id = (SELECT current_tenant())) WITH CHECK (user_id = (SELECT current_tenant()));

GRANT SELECT, INSERT, UPDATE, DELETE ON items, analyses, item_search TO collections_app;

-- Cleanup looks after all tenants' items, and sees nothing of what is in them.
CREATE POLICY all_tenants ON items TO collections_cleanup USING (true) WITH CHECK (true);
GRANT SELECT (user_id, item_id, status, generation, lease_token, lease_until, attempts, object_key, deleted_at,
              created_at, updated_at),
      UPDATE (status, lease_token, lease_until, error_stage, error_code, error_message, updated_at),
      DELETE
  ON items TO collections_cleanup;
