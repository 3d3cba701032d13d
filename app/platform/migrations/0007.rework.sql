-- Sent through the pipeline again by hand: with a new analysis, or for new renditions alone.
-- depends: 0004.tenancy

ALTER TABLE items ADD COLUMN reuse_analysis boolean NOT NULL DEFAULT false;
