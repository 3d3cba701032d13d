"""What one unit may cost at most: so much of the budget is held while it is under way.

Nothing heavy is imported, because the API asks too: a model that is not named is taken for the dearest of its class.
"""

from decimal import Decimal

from app.platform.prices import PRICES, cost_usd
from app.platform.settings import AnalysisProvider, AnalysisSettings, ChatSettings, EmbeddingSettings

# Four pieces of one image at 2,900 tokens, instructions, labels and schema; asked twice where the first answer is none.
QUESTIONS, TOKENS_READ, TOKENS_WRITTEN = 2, 20_000, 8_000
# Voyage AI, "Text embeddings": what is longer is cut off.
TOKENS_OF_A_TEXT = 32_000
# Who is asked where no model is named: the newest of this class (app.analysis.claude, app.analysis.openai).
_CLASSES: dict[AnalysisProvider, str] = {"claude": "-sonnet-", "bedrock": "-sonnet-", "openai": "-terra"}


def analysis(settings: AnalysisSettings) -> Decimal:
    """By whomever a request may name. 0 where nobody charges."""
    paid = (provider for provider in settings.analysis_choices if provider != "local")
    return max((_by(provider, settings) for provider in paid), default=Decimal(0))


def embedding(settings: EmbeddingSettings) -> Decimal:
    """One text, by the dearest model where none is named. 0 where nobody charges."""
    if settings.embedding_provider == "local":
        return Decimal(0)
    return cost_usd(settings.embedding_model or settings.embedding_provider, input_tokens=TOKENS_OF_A_TEXT)


def chat(settings: ChatSettings) -> Decimal:
    """One turn: as many tokens as end it, those of the call that passes that mark, and an answer to every call; and a
    summary of what no longer fits the history.

    By the dearest model that a search may name. Planning a search takes less.
    """
    if settings.chat_provider == "local":
        return Decimal(0)
    return max(
        cost_usd(
            model,
            # A history is measured in characters: a token is one to four of them.
            input_tokens=2 * settings.chat_turn_tokens + 4 * settings.chat_history_tokens,
            output_tokens=(settings.chat_tool_calls + 1) * settings.chat_output_tokens + settings.summary_output_tokens,
        )
        for model in [*settings.answer_models, *([] if settings.chat_model else _of_class(settings.chat_provider))]
    )


def _of_class(provider: AnalysisProvider) -> list[str]:
    return [model for model in PRICES if _CLASSES[provider] in model]


def _by(provider: AnalysisProvider, settings: AnalysisSettings) -> Decimal:
    named = settings.analysis_models(provider)
    return max(
        cost_usd(model, input_tokens=QUESTIONS * TOKENS_READ, output_tokens=QUESTIONS * TOKENS_WRITTEN)
        for model in [*named, *_of_class(provider)]
    )
