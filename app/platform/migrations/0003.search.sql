-- One table, one b-tree, no approximate index: a tenant's own rows are scanned and both arms are exact (docs/search.md).
-- depends: 0002.items

-- BM25's document length: how many tokens the tsvector holds, repeats counted.
CREATE FUNCTION tsvector_token_count(document tsvector) RETURNS integer
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN (SELECT coalesce(sum(cardinality(positions)), 0)::integer FROM unnest(document));

CREATE TABLE item_search (
  user_id         uuid          NOT NULL,
  item_id         uuid          NOT NULL,
  -- Copied from the item so that filters work inside both arms.
  category        text,
  tags            text[]        NOT NULL DEFAULT '{}',
  favorite        boolean       NOT NULL DEFAULT false,
  occurred_at     timestamptz   NOT NULL,

  tsv             tsvector      NOT NULL,
  doc_len         integer       NOT NULL GENERATED ALWAYS AS (public.tsvector_token_count(tsv)) STORED,
  embedding       halfvec(1024) NOT NULL,
  embedding_model text          NOT NULL,
  -- SHA-256 of the text that was embedded: unchanged text is not embedded again.
  document_hash   bytea         NOT NULL,

  PRIMARY KEY (user_id, item_id),
  FOREIGN KEY (user_id, item_id) REFERENCES items ON DELETE CASCADE
) WITH (toast_tuple_target = 8160);

-- A vector of 2 kB in the row itself: fetching it from TOAST costs more than the distance does.
ALTER TABLE item_search ALTER embedding SET STORAGE PLAIN;
CREATE INDEX item_search_category ON item_search (user_id, category) INCLUDE (doc_len);
