-- Type-ahead counts a tenant's tags by item_tags, less those of items that are deleted and not purged yet: a few, which
-- no index named by tenant. Without it they were read one by one, or all the others were.
-- depends: 0015.list_filters

CREATE INDEX items_deleted ON items (user_id, item_id) WHERE deleted_at IS NOT NULL;
