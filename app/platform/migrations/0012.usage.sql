-- What was used and what it cost: per user and day, per piece of work that is under way, and per month for all together.
-- depends: 0011.jobs

CREATE TABLE usage_days (
  user_id       uuid           NOT NULL,
  -- UTC.
  day           date           NOT NULL,
  kind          text           NOT NULL CHECK (kind IN ('analyses', 'embeddings', 'chats')),
  -- Reserved ones included.
  used          integer        NOT NULL CHECK (used >= 0),
  input_tokens  bigint         NOT NULL DEFAULT 0,
  output_tokens bigint         NOT NULL DEFAULT 0,
  cost_usd      numeric(14, 6) NOT NULL DEFAULT 0,

  PRIMARY KEY (user_id, day, kind)
);

CREATE TABLE usage_reservations (
  user_id        uuid           NOT NULL,
  -- The same for every attempt at the same work: what is delivered twice is counted once.
  reservation_id uuid           NOT NULL,
  day            date           NOT NULL,
  kind           text           NOT NULL,
  -- How much of the month's budget is held for it.
  most_usd       numeric(14, 6) NOT NULL CHECK (most_usd >= 0),
  expires_at     timestamptz    NOT NULL,

  PRIMARY KEY (user_id, reservation_id),
  FOREIGN KEY (user_id, day, kind) REFERENCES usage_days ON DELETE CASCADE
);
-- What cleanup looks for, over all tenants.
CREATE INDEX usage_reservations_expired ON usage_reservations (expires_at);

-- Sums over everybody, and nobody's own: the one table without a tenant.
CREATE TABLE budget_months (
  month        date           PRIMARY KEY,
  reserved_usd numeric(14, 6) NOT NULL DEFAULT 0,
  spent_usd    numeric(14, 6) NOT NULL DEFAULT 0
);

ALTER TABLE usage_days ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage_days FORCE ROW LEVEL SECURITY;
ALTER TABLE usage_reservations ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage_reservations FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON usage_days TO collections_app
  USING (user_id = (SELECT current_tenant())) WITH CHECK (user_id = (SELECT current_tenant()));
CREATE POLICY tenant ON usage_reservations TO collections_app
  USING (user_id = (SELECT current_tenant())) WITH CHECK (user_id = (SELECT current_tenant()));
CREATE POLICY all_tenants ON usage_days TO collections_cleanup USING (true) WITH CHECK (true);
CREATE POLICY all_tenants ON usage_reservations TO collections_cleanup USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON usage_days, usage_reservations TO collections_app;
GRANT SELECT, INSERT, UPDATE ON budget_months TO collections_app;
GRANT SELECT, DELETE ON usage_reservations TO collections_cleanup;
GRANT SELECT, UPDATE ON usage_days, budget_months TO collections_cleanup;

-- However a reservation ends, settled, expired or with its user, what it held of the budget is free again.
CREATE FUNCTION release_budget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE public.budget_months SET reserved_usd = reserved_usd - OLD.most_usd
  WHERE month = date_trunc('month', OLD.day)::date;
  RETURN NULL;
END $$;
CREATE TRIGGER release_budget AFTER DELETE ON usage_reservations FOR EACH ROW WHEN (OLD.most_usd > 0)
  EXECUTE FUNCTION release_budget();

-- An old token uses nothing for somebody who has left.
CREATE TRIGGER refuse_deleted_user BEFORE INSERT ON usage_days FOR EACH ROW EXECUTE FUNCTION refuse_deleted_user();

-- An item that nothing is wrong with, and that may not be worked on before a moment.
ALTER TABLE items ADD COLUMN waits_until timestamptz;
ALTER TABLE items ADD COLUMN waits_for text;
GRANT SELECT (waits_until) ON items TO collections_cleanup;
