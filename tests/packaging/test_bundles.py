"""The bundles as Lambda gets them: complete, small enough, and the same every time.

The local cloud's workers see the whole virtual environment, so a missing requirement would show on AWS only. Here every
handler is imported from its own bundle, made for this machine, by an interpreter that sees nothing else.
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import bundle

# What a handler may have imported when its module is loaded; everything heavier waits for its first use.
HEAVY = {
    "anthropic", "langchain", "langchain_core", "langgraph", "langsmith", "numpy", "onnxruntime", "openai", "rapidocr",
    "tavily", "tokenizers", "voyageai",
}  # fmt: skip
# Which bundles may carry what is heavy at all: a cold start also pays for unpacking it.
CARRIED: dict[str, set[str]] = {
    "anthropic": {"analyzer", "chat"},
    "langgraph": {"chat"},
    "openai": {"analyzer"},
    "langsmith": {"chat"},  # LangChain imports it
    "PIL": {"analyzer", "image_processor"},
    "voyageai": set(),
    "numpy": set(),
}
OPTIONAL = {
    "PIL": set(),  # decodes in a process of its own
    "fastapi": {"api", "chat"},
    "jose": {"api", "chat", "realtime"},
    "pgvector": {"api", "chat", "embedder"},
    "yoyo": {"migrate"},
}
LIMIT_BYTES = 250 * 1024 * 1024


@pytest.fixture(scope="session", params=bundle.FUNCTIONS)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle.build(request.param, bundle.TARGETS["host"], into=tmp_path_factory.mktemp("bundles"))


def _loaded_by(folder: Path) -> set[str]:
    """Top-level modules after importing the handler, seeing only the bundle and the standard library."""
    script = (
        "import json, sys; sys.path = [p for p in sys.path if 'site-packages' not in p];"
        f"sys.path.insert(0, {str(folder)!r}); import handler; assert callable(handler.handler);"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_a_handler_needs_nothing_outside_its_bundle_and_loads_nothing_it_can_put_off(built: Path) -> None:
    loaded = _loaded_by(built)

    assert not loaded & HEAVY
    assert {module for module in OPTIONAL if module in loaded} == {
        module for module, functions in OPTIONAL.items() if built.name in functions
    }


def test_a_heavy_package_is_in_the_bundle_that_needs_it_and_in_no_other(built: Path) -> None:
    carried = {package for package in CARRIED if (built / package).is_dir()}

    assert carried == {package for package, functions in CARRIED.items() if built.name in functions}


@pytest.mark.parametrize(
    ("built", "collaborator"),
    [
        ("analyzer", "_vendor('claude'), wiring._vendor('bedrock'), wiring._vendor('openai')"),
        ("analyzer", "LangSmith('key', base_url='http://127.0.0.1:9', project='p')"),
        ("embedder", "embedder()"),
        ("api", "embedder()"),
        ("api", "LangSmith('key', base_url='http://127.0.0.1:9', project='p')"),
        ("chat", "_chat_model(wiring.chat_settings())"),
        ("chat", "embedder()"),
    ],
    indirect=["built"],
)
def test_a_paid_provider_can_be_built_from_the_bundle_of_whoever_calls_it(built: Path, collaborator: str) -> None:
    environment = {
        "CLOUD": "aws",
        "ENVIRONMENT": "test",
        "ANALYSIS_PROVIDER": "claude",
        "EMBEDDING_PROVIDER": "voyage",
        "CHAT_PROVIDER": "claude",
        "CHECKPOINTS_TABLE": "checkpoints",
        "SESSIONS_TABLE": "sessions",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    script = (
        "import os, sys; sys.path = [p for p in sys.path if 'site-packages' not in p];"
        f"sys.path.insert(0, {str(built)!r}); os.environ.update({environment!r});"
        "from app.platform import wiring, langsmith; wiring.LangSmith = langsmith.LangSmith;"
        f"print(wiring.{collaborator})"
    )

    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False, cwd="/")

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("built", ["image_processor"], indirect=True)
def test_images_are_decoded_by_a_process_that_sees_the_same_bundle(built: Path) -> None:
    pixel = bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
        "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
    )
    script = (
        "import sys; sys.path = [p for p in sys.path if 'site-packages' not in p];"
        f"sys.path.insert(0, {str(built)!r});"
        "from app.items.sandbox import render; from app.platform.settings import ImageSettings;"
        f"print(render({pixel!r}, ImageSettings()).mime_type, 'PIL' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False, cwd="/")

    assert done.stdout.split() == ["image/png", "False"], done.stderr


def test_a_bundle_carries_bytecode_that_is_never_stale(built: Path) -> None:
    unchecked_hash = 0b01

    compiled = list(built.rglob("*.pyc"))

    assert compiled
    assert {int.from_bytes(path.read_bytes()[4:8], "little") for path in compiled} == {unchecked_hash}


def test_a_bundle_fits_lambda_and_says_which_code_it_is(built: Path) -> None:
    info = json.loads((built / "app" / "platform" / "build_info.json").read_text())

    assert bundle.size_bytes(built) < LIMIT_BYTES
    assert set(info) == {"version", "git_sha", "built_at"}


def test_a_function_says_itself_which_code_it_is(built: Path) -> None:
    script = (
        "import json, os, sys; sys.path = [p for p in sys.path if 'site-packages' not in p];"
        f"sys.path.insert(0, {str(built)!r}); import handler;"
        "print(json.dumps(handler.handler({'probe': 'version'}, None)))"
    )

    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False, cwd="/")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((built / "app" / "platform" / "build_info.json").read_text())


def test_the_same_commit_makes_the_same_bundle_for_aws(tmp_path: Path) -> None:
    target = bundle.TARGETS["aws"]

    first, second = (bundle.build("cleanup", target, into=tmp_path / name) for name in ("a", "somewhere-else"))

    assert _digests(first) == _digests(second)


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_each_lambda_is_locked_to_the_versions_that_are_tested_here() -> None:
    def pins(path: Path) -> dict[str, str]:
        lines = (line.split(" ")[0] for line in path.read_text().splitlines() if "==" in line and line[0].isalpha())
        return dict(line.split("==") for line in lines)

    tested = pins(bundle.ROOT / "requirements.txt")

    for function in bundle.FUNCTIONS:
        locked = pins(bundle.ROOT / "lambdas" / function / "requirements.txt")
        assert locked.items() <= tested.items(), function


@pytest.mark.parametrize("built", ["api"], indirect=True)
def test_the_api_answers_from_its_bundle_with_what_was_pruned_gone(built: Path) -> None:
    event = {
        "version": "2.0",
        "routeKey": "GET /health",
        "rawPath": "/health",
        "rawQueryString": "",
        "headers": {"host": "api.example.com"},
        "requestContext": {
            "http": {"method": "GET", "path": "/health", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7"},
            "requestId": "request-1",
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }
    script = (
        "import json, os, sys; sys.path = [p for p in sys.path if 'site-packages' not in p];"
        f"sys.path.insert(0, {str(built)!r}); os.environ.update(CLOUD='aws', ENVIRONMENT='test', LOG_LEVEL='ERROR');"
        f"import handler; answer = handler.handler({event!r}, None);"
        "print(answer['statusCode'], json.loads(answer['body'])['status'])"
    )

    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False, cwd="/")

    assert done.stdout.splitlines()[-1:] == ["200 healthy"], done.stderr
    assert "Warning" not in done.stderr
    assert not (built / "pydantic" / "v1").exists()
