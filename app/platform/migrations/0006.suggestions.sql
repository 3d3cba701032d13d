-- The words that type-ahead completes: of title, headline and labels, as people write them (the tsvector has stems).
-- depends: 0004.tenancy

CREATE TABLE item_words (
  user_id uuid NOT NULL,
  word    text COLLATE "C" NOT NULL,
  item_id uuid NOT NULL,

  -- A prefix is a range of this key, within one tenant.
  PRIMARY KEY (user_id, word, item_id),
  FOREIGN KEY (user_id, item_id) REFERENCES items ON DELETE CASCADE
);
-- For the cascade, and for replacing an item's words.
CREATE INDEX item_words_item ON item_words (user_id, item_id);

ALTER TABLE item_words ENABLE ROW LEVEL SECURITY;
ALTER TABLE item_words FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON item_words TO collections_app
  USING (user_id = (SELECT current_tenant())) WITH CHECK (user_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, DELETE ON item_words TO collections_app;
