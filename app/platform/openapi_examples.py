"""An example of every body that is sent or answered, by the name of its schema. Tests hold them to the schemas."""

from typing import Any

Example = dict[str, Any]

_ITEM_ID = "8f14e45f-ceea-467f-a9ea-5b2b9f2d6a11"
_OTHER_ID = "c9f0f895-fb98-4b91-9f6a-0c6a5b7f3e22"
_LINK = f"https://images.example.com/{_ITEM_ID}?X-Amz-Signature=…"

_RAW: Example = {
    "category": "receipt",
    "subcategories": ["bakery"],
    "headline": "KRUME & KORN · receipt, total EUR 18.80",
    "summary": "A bakery receipt of 14.03.2026 over EUR 18.80: sourdough bread, rye rolls, coffee.",
    "media_metadata": {
        "original_poster": None,
        "tagged_accounts": [],
        "location_tags": ["Leipzig"],
        "audio_source": None,
        "hashtags": [],
    },
    "image_details": {
        "extracted_text": ["KRUME & KORN", "Sourdough 6.40", "TOTAL EUR 18.80"],
        "objects": ["receipt"],
        "themes": ["shopping"],
        "emotions": [],
        "vibes": ["plain"],
        "likely_source": "photo",
        "key_interest": "what was paid for bread",
        "visual_hierarchy": ["total", "shop"],
        "colors": ["white", "black"],
    },
}
_ANALYSIS: Example = {
    "id": "45c48cce-2e2d-4fbd-8a1a-fc51c7c6ad26",
    "item_id": _ITEM_ID,
    "version": 1,
    "category": _RAW["category"],
    "subcategories": _RAW["subcategories"],
    "headline": _RAW["headline"],
    "summary": _RAW["summary"],
    "raw_response": _RAW,
    "provider_used": "local",
    "model_used": "rapidocr",
    "prompt_version": "local-1",
    "trace_id": None,
    "usage": {"input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0},
    "created_at": "2026-11-21T12:30:17.104211Z",
}
_ITEM: Example = {
    "id": _ITEM_ID,
    "status": "ready",
    "error": None,
    "waiting": None,
    "original_filename": "IMG_2041.jpg",
    "mime_type": "image/jpeg",
    "file_size": 482113,
    "width": 3024,
    "height": 4032,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "taken_at": "2026-03-14T09:12:00Z",
    "title": "Bread for the party",
    "notes": None,
    "tags": ["party", "bread"],
    "category": "receipt",
    "favorite": True,
    "latest_analysis": _ANALYSIS,
    "urls": {"original": _LINK, "display": _LINK, "thumbnail": _LINK, "expires_at": "2026-11-21T12:45:17Z"},
    "created_at": "2026-11-21T12:30:15.880113Z",
    "updated_at": "2026-11-21T12:30:17.331020Z",
}
_UPLOADING: Example = _ITEM | {
    "id": _OTHER_ID,
    "status": "uploading",
    "width": None,
    "height": None,
    "sha256": None,
    "taken_at": None,
    "title": None,
    "tags": [],
    "category": None,
    "favorite": False,
    "latest_analysis": None,
    "urls": {"original": _LINK, "display": None, "thumbnail": None, "expires_at": "2026-11-21T12:45:17Z"},
}
_RESULT: Example = {
    "item_id": _ITEM_ID,
    "rank": 1,
    "score": 0.995,
    "score_type": "hybrid_rrf",
    "bm25_score": 7.41,
    "similarity": 0.52,
    "category": "receipt",
    "headline": _RAW["headline"],
    "summary": _RAW["summary"],
    "highlights": ["Sourdough [[bread]] 6.40"],
    "matched_terms": ["bread"],
    "near_duplicate": False,
    "thumbnail_url": _LINK,
    "metadata": {"tags": ["party", "bread"], "favorite": True},
}
_JOB: Example = {
    "id": "3c59dc04-8e88-4024-aba0-79b3b2e6c9d1",
    "kind": "export",
    "status": "running",
    "progress": 0.4,
    "result": None,
    "error": None,
    "created_at": "2026-11-21T12:30:15Z",
    "updated_at": "2026-11-21T12:31:02Z",
    "expires_at": None,
}

_SESSION: Example = {
    "session_id": "7a1d0c52-8a1e-4f0c-9d5e-3f1b2c4d5e6f",
    "title": "What did the bread cost?",
    "created_at": "2026-11-21T08:00:00Z",
    "last_activity": "2026-11-21T08:00:02Z",
    "message_count": 2,
    "expires_at": "2026-11-21T12:00:02Z",
}
_CITATION: Example = {
    "item_id": "0b6f3f1c-8f4e-4a55-9f0e-7a2f9c1d5e10",
    "headline": "KRUME & KORN · receipt",
    "thumbnail_url": "https://images.example.com/thumbnail.webp?X-Amz-Signature=…",
}
_ANSWER: Example = {
    "role": "assistant",
    "content": "KRUME & KORN: Sourdough loaf 5.40 [1]",
    "timestamp": "2026-11-21T08:00:02Z",
}
_TOOL: Example = {"tool": "search_collection", "input": {"query": "What did the bread cost?"}, "output": "3 items"}

EXAMPLES: dict[str, Example] = {
    # Chat
    "ChatIn": {
        "message": "What did the bread cost?",
        "session_id": _SESSION["session_id"],
        "replaces_turn": 1,
    },
    "ChatOut": {
        "session_id": _SESSION["session_id"],
        "message": _ANSWER,
        "citations": [_CITATION],
        "tools_used": [_TOOL],
        "conversation_turn": 1,
        "usage": {
            "model": "claude-sonnet-5-5",
            "input_tokens": 2840,
            "output_tokens": 96,
            "cost_usd": 0.00996,
            "removed_citations": 0,
            "removed_links": 0,
        },
        "response_time_ms": 2140.5,
    },
    "ChatRunning": {
        "session_id": _SESSION["session_id"],
        "status": "running",
        "history": f"/chat/{_SESSION['session_id']}/history",
    },
    "SessionEdit": {"title": "Bread"},
    "SessionOut": _SESSION,
    "SessionsOut": {"sessions": [_SESSION], "next_cursor": None},
    "HistoryOut": {
        "session_id": _SESSION["session_id"],
        "messages": [
            {
                "role": "user",
                "content": "What did the bread cost?",
                "timestamp": "2026-11-21T08:00:00Z",
                "citations": [],
                "tools_used": [],
            },
            {**_ANSWER, "citations": [_CITATION], "tools_used": [_TOOL]},
        ],
        "unanswered": {
            "status": "running",
            "content": "And the day before?",
            "timestamp": "2026-11-21T08:01:00Z",
            "detail": None,
            "replaces_turn": None,
        },
        "created_at": _SESSION["created_at"],
        "last_activity": _SESSION["last_activity"],
        "message_count": 2,
    },
    # The service
    "HealthOut": {"status": "healthy", "version": "0.1.0", "git_sha": "694c72e", "cloud": "aws"},
    "ReadyOut": {
        "status": "ready",
        "checks": {
            "database": {"ok": True, "latency_ms": 1.92},
            "storage": {"ok": True, "latency_ms": 8.4},
            "checkpoints": {"ok": True, "latency_ms": 5.1},
        },
    },
    "VersionOut": {
        "version": "0.1.0",
        "git_sha": "694c72e",
        "built_at": "2026-11-21T12:00:00+00:00",
        "python": "3.13.0",
        "cloud": "aws",
    },
    # Items
    "ItemOut": _ITEM,
    "ItemPage": {"items": [_ITEM], "next_cursor": "WyIyMDI2LTExLTIxVDEyOjMwOjE1LjA0MSswMDowMCJd", "total": 128},
    "ItemEdit": {"title": "Bread for the party", "tags": ["party", "bread"], "favorite": True},
    "UploadsIn": {"files": [{"filename": "IMG_2041.jpg", "content_type": "image/jpeg", "file_size": 482113}]},
    "UploadsOut": {
        "uploads": [
            {
                "item": _UPLOADING,
                "upload": {
                    "url": "https://images.example.com/",
                    "fields": {
                        "key": f"…/images/{_OTHER_ID}/original.jpg",
                        "Content-Type": "image/jpeg",
                        "policy": "…",
                    },
                    "expires_at": "2026-11-21T12:45:17Z",
                },
            },
            {"item": _ITEM, "duplicate": True},
        ]
    },
    "FacetsOut": {
        "categories": [{"value": "receipt", "count": 41}],
        "tags": [{"value": "party", "count": 3}],
        "statuses": [{"value": "ready", "count": 127}, {"value": "failed", "count": 1}],
    },
    "BatchIn": {"ids": [_ITEM_ID, _OTHER_ID], "action": "tag", "tags": ["party"]},
    "BatchOut": {"done": [_ITEM_ID], "not_found": [_OTHER_ID], "not_possible": []},
    # Analyses
    "AnalyzeIn": {"force_reanalyze": True},
    "AnalysisOut": _ANALYSIS,
    "AnalysesOut": {"items": [_ANALYSIS], "next_cursor": None, "total": 1},
    # Search
    "SearchIn": {"query": "how much did I pay for bread", "search_type": "hybrid", "top_k": 3},
    "SearchOut": {
        "query": "how much did I pay for bread",
        "search_type": "hybrid",
        "results": [_RESULT],
        "total_results": 1,
        "abstained": False,
        "degraded": [],
        "retrieval_time_ms": 12.4,
        "answer": "KRUME & KORN: Sourdough loaf 5.40 [1]",
        "citations": [_RESULT["item_id"]],
        "answer_time_ms": 1840.2,
        "agent_reasoning": None,
        "tools_used": None,
    },
    "SimilarOut": {
        "results": [_RESULT | {"score": 0.91, "score_type": "similarity", "bm25_score": None, "similarity": 0.91}]
    },
    "SuggestionsOut": {
        "query": "party bre",
        "suggestions": [{"text": "party bread", "completion": "bread", "kind": "tag", "count": 3}],
    },
    "SearchConfigOut": {
        "search_types": ["bm25", "vector", "hybrid", "agentic"],
        "answer_models": ["claude-sonnet-5-5", "claude-haiku-5-5"],
        "default_search_type": "hybrid",
        "default_top_k": 10,
        "max_top_k": 50,
        "embedding_provider": "local",
        "embedding_model": "all-MiniLM-L6-v2",
        "dimensions": 1024,
        "retrieval": {"bm25_k1": 1.2, "bm25_b": 0.75, "hybrid_fusion": "scores"},
        "query_cache": {"size": 512, "entries": 3, "hits": 9, "misses": 3, "hit_rate": 0.75},
    },
    # Account
    "MeOut": {
        "user_id": "b7e9f6d2-2f0b-4f0e-9f6e-6f2d1c1d5a10",
        "email": "ada@example.com",
        "created_at": "2026-10-02T08:15:00Z",
        "items": 128,
        "bytes": 412338190,
        "usage_today": {"analyses": 12, "embeddings": 12, "chats": 3},
        "usage_month": {"analyses": 128, "embeddings": 131, "chats": 40, "cost_usd": 0.61},
        "limits": {
            "multipart_max_bytes": 4194304,
            "upload_max_bytes": 52428800,
            "items": 20000,
            "bytes": 53687091200,
            "items_under_way": 100,
            "analyses_per_day": 500,
            "embeddings_per_day": 2000,
            "chats_per_day": 200,
            "exports_per_day": 5,
        },
    },
    # Account and jobs
    "JobStarted": {"job_id": _JOB["id"]},
    "IndexStatusOut": {
        "items": 52,
        "embedded": 49,
        "pending": 2,
        "failed": 1,
        "model": "voyage-3.5-lite",
        "dimensions": 1024,
        "last_rebuild": "2026-11-20T08:15:02.000000Z",
        "rebuilding": True,
        "former_models": [{"model": "voyage-3.5", "items": 2, "found_by": "vector"}],
    },
    "JobOut": _JOB,
}
