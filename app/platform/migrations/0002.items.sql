-- One row per item is the pipeline's state machine; everything else about an item hangs below it.
-- depends: 0001.roles

CREATE TABLE items (
  user_id           uuid        NOT NULL,
  item_id           uuid        NOT NULL,
  status            text        NOT NULL
                    CHECK (status IN ('uploading', 'processing', 'analyzing', 'embedding', 'ready', 'failed')),
  -- Raised when the item goes through the pipeline anew: events of an older generation are ignored.
  generation        integer     NOT NULL DEFAULT 1 CHECK (generation > 0),
  lease_token       uuid,
  lease_until       timestamptz,
  attempts          integer     NOT NULL DEFAULT 0,
  error_stage       text,
  error_code        text,
  error_message     text,

  object_key        text        NOT NULL,
  object_etag       text,
  original_filename text        NOT NULL,
  mime_type         text        NOT NULL,
  file_size         bigint      NOT NULL CHECK (file_size >= 0),
  sha256            bytea       CHECK (octet_length(sha256) = 32),
  width             integer,
  height            integer,
  taken_at          timestamptz,

  -- The user's own words; they win over the analysis everywhere.
  title             text,
  notes             text,
  tags              text[]      NOT NULL DEFAULT '{}',
  category          text,
  favorite          boolean     NOT NULL DEFAULT false,
  -- What the latest analysis said, so that lists filter without joining.
  analyzed_category text,

  -- Set first when an item is deleted: workers are fenced out while its objects go, then the row goes.
  deleted_at        timestamptz,
  created_at        timestamptz NOT NULL DEFAULT now(),
  updated_at        timestamptz NOT NULL DEFAULT now(),
  occurred_at       timestamptz GENERATED ALWAYS AS (coalesce(taken_at, created_at)) STORED,
  effective_category text       GENERATED ALWAYS AS (coalesce(category, analyzed_category)) STORED,

  PRIMARY KEY (user_id, item_id),
  UNIQUE (user_id, object_key)
);

-- The same bytes are the same item.
CREATE UNIQUE INDEX items_sha256 ON items (user_id, sha256) WHERE deleted_at IS NULL;
CREATE INDEX items_created ON items (user_id, created_at DESC, item_id DESC) WHERE deleted_at IS NULL;
-- What cleanup looks for, over all tenants.
CREATE INDEX items_unsettled ON items (updated_at) WHERE status NOT IN ('ready', 'failed') OR deleted_at IS NOT NULL;

CREATE TABLE analyses (
  user_id        uuid        NOT NULL,
  item_id        uuid        NOT NULL,
  analysis_id    uuid        NOT NULL,
  -- The item's generation it was made for: a second answer for one generation replaces the first.
  version        integer     NOT NULL,
  raw_response   jsonb       NOT NULL,
  provider_used  text        NOT NULL,
  model_used     text        NOT NULL,
  prompt_version text        NOT NULL,
  trace_id       text,
  input_tokens   integer     NOT NULL DEFAULT 0,
  output_tokens  integer     NOT NULL DEFAULT 0,
  cost_usd       numeric(12, 6) NOT NULL DEFAULT 0,
  created_at     timestamptz NOT NULL DEFAULT now(),

  PRIMARY KEY (user_id, item_id, version),
  UNIQUE (user_id, analysis_id),
  FOREIGN KEY (user_id, item_id) REFERENCES items ON DELETE CASCADE
);
