"""What every statement that reads items has in common."""

COLUMNS = """
  user_id, item_id, status, generation, reuse_analysis, analysis_provider, analysis_model, attempts, lease_until,
  error_stage, error_code, error_message,
  object_key, object_etag, original_filename, mime_type, file_size, sha256, width, height, taken_at,
  title, notes, tags, category, favorite, created_at, updated_at, occurred_at,
  rendition_generation, waits_until, waits_for
"""
