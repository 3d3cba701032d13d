-- Which models embedded a tenant's items is asked by every search: the index has the model in its key, so that it is a
-- look at one entry per model, and not at every item. docs/search.md has what it is for.
-- depends: 0013.analysis_choice

DROP INDEX item_vectors_signature;
-- A large tenant's signatures lie side by side here, each model's together: 200 bytes an item instead of 2.7 kB.
CREATE INDEX item_vectors_signature ON item_vectors (user_id, embedding_model) INCLUDE (item_id, signature);
