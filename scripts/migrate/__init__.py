"""From the previous, local application (SQLite, ChromaDB, a folder) into a user's collection: docs/migrating.md.

The sources are only read. Old ids become new ids by name (uuid5), so every step may be repeated, and what was done
stays as it is; each batch is one transaction, so a step that was killed goes on where it stopped.
"""
