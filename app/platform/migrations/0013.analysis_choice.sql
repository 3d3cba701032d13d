-- Who shall describe the image, where a request named somebody. NULL: whoever is configured.
-- depends: 0004.tenancy

ALTER TABLE items ADD COLUMN analysis_provider text, ADD COLUMN analysis_model text;
