-- An item is searched by three tables: its facts (item_search), its words (item_postings), its vector (item_vectors).
-- A query reads its own words' postings and nothing else of the lexical side, and no scan walks past what it does not
-- need. docs/search.md has the figures.
-- depends: 0004.tenancy

-- The owner is no superuser on RDS: the policies would hide every row from what follows.
ALTER TABLE item_search NO FORCE ROW LEVEL SECURITY;

-- One row per item and lexeme. Exactly what Lucene keeps per posting, in a b-tree that begins with the tenant: a scan of
-- (user_id, lexeme) is an index-only scan. (A GIN index would be no use: its operators are not leakproof, so PostgreSQL
-- must not evaluate them before a policy.)
CREATE TABLE item_postings (
  user_id uuid             NOT NULL,
  item_id uuid             NOT NULL,
  -- The document's length in tokens, as in item_search: BM25 needs it for every posting.
  doc_len integer          NOT NULL,
  -- Term frequency: 1…255, the positions that PostgreSQL keeps of a lexeme.
  tf      smallint         NOT NULL,
  lexeme  text COLLATE "C" NOT NULL,

  PRIMARY KEY (user_id, lexeme, item_id) INCLUDE (tf, doc_len),
  FOREIGN KEY (user_id, item_id) REFERENCES item_search ON DELETE CASCADE
);
INSERT INTO item_postings (user_id, item_id, doc_len, tf, lexeme)
  SELECT user_id, item_id, doc_len, cardinality(positions), lexeme FROM item_search CROSS JOIN unnest(tsv);
-- For the cascade, and for replacing an item's postings.
CREATE INDEX item_postings_item ON item_postings (user_id, item_id);

CREATE TABLE item_vectors (
  user_id         uuid          NOT NULL,
  item_id         uuid          NOT NULL,
  embedding_model text          NOT NULL,
  -- SHA-256 of the text that was embedded: unchanged text is not embedded again.
  document_hash   bytea         NOT NULL,
  embedding       halfvec(1024) NOT NULL,
  -- One bit per number: whether it is positive.
  signature       bit(1024)     NOT NULL GENERATED ALWAYS AS (public.binary_quantize(embedding)::bit(1024)) STORED,

  PRIMARY KEY (user_id, item_id),
  FOREIGN KEY (user_id, item_id) REFERENCES item_search ON DELETE CASCADE
) WITH (toast_tuple_target = 8160);
-- A vector of 2 kB in the row itself: fetching it from TOAST costs more than the distance does.
ALTER TABLE item_vectors ALTER embedding SET STORAGE PLAIN;
INSERT INTO item_vectors (user_id, item_id, embedding_model, document_hash, embedding)
  SELECT user_id, item_id, embedding_model, document_hash, embedding FROM item_search;
-- A large tenant's signatures lie side by side here: 200 bytes an item instead of 2.7 kB.
CREATE INDEX item_vectors_signature ON item_vectors (user_id) INCLUDE (item_id, embedding_model, signature);

ALTER TABLE item_search ALTER doc_len DROP EXPRESSION;
ALTER TABLE item_search DROP COLUMN tsv, DROP COLUMN embedding, DROP COLUMN embedding_model, DROP COLUMN document_hash;
-- Dropped columns stay in the rows until these are written anew.
CLUSTER item_search USING item_search_pkey;
ALTER TABLE item_search SET WITHOUT CLUSTER, RESET (toast_tuple_target);
ALTER TABLE item_search FORCE ROW LEVEL SECURITY;

-- Index-only scans are index-only where VACUUM has been: it looks at new pages alone, so it may come often.
ALTER TABLE item_search SET (autovacuum_vacuum_insert_scale_factor = 0.02);
ALTER TABLE item_postings SET (autovacuum_vacuum_insert_scale_factor = 0.02);
ALTER TABLE item_vectors SET (autovacuum_vacuum_insert_scale_factor = 0.02);

ALTER TABLE item_postings ENABLE ROW LEVEL SECURITY;
ALTER TABLE item_postings FORCE ROW LEVEL SECURITY;
ALTER TABLE item_vectors ENABLE ROW LEVEL SECURITY;
ALTER TABLE item_vectors FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON item_postings TO collections_app
  USING (user_id = (SELECT current_tenant())) WITH CHECK (user_id = (SELECT current_tenant()));
CREATE POLICY tenant ON item_vectors TO collections_app
  USING (user_id = (SELECT current_tenant())) WITH CHECK (user_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON item_postings, item_vectors TO collections_app;

-- A search of a large tenant sorts and groups some megabytes; starting workers for that costs more than it saves.
ALTER ROLE collections_app SET work_mem = '16MB';
ALTER ROLE collections_app SET max_parallel_workers_per_gather = 0;
-- One plan for every tenant, made once per connection: planning takes longer than a small tenant's search, and a plan
-- that follows the statistics of one tenant changes on the day these do. tests/integration looks at the generic plans.
ALTER ROLE collections_app SET plan_cache_mode = 'force_generic_plan';
