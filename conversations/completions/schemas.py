"""What does a program send that speaks as OpenAI's clients do, and what of it do we take?

Their clients send many fields, and new ones with each version: what is not named here is dropped, on these addresses alone. What
would change the answer if it were dropped is named, and refused where we cannot do it.
"""

from typing import Annotated, Any, Final, Literal

from ninja import Schema
from pydantic import ConfigDict, Field, StringConstraints

from accounts.schemas import Body, Refused
from agents.providers import Turn, Wishes
from agents.providers.prompts import LONGEST_HISTORY
from conversations.completions.models import LONGEST_STOP
from conversations.completions.services import Asked
from conversations.models import LONGEST_QUESTION

LONGEST_INSTRUCTIONS: Final = 8000  # characters
# The latest messages that go along; an agent takes no more from a conversation either.
HISTORY: Final = 20
TOO_LONG: Final = "context_length_exceeded"

Stop = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_STOP)]


class Open(Body):
    """A JSON body of which undeclared fields are dropped: OpenAI's clients send what we have no use for."""

    model_config = ConfigDict(extra="ignore")


class Part(Open):
    """A piece of a message. Text is read; any other kind is refused, since an answer without it would be another one."""

    type: str = "text"
    text: str = ""


class Said(Open):
    """One message of the conversation so far. Those of tools are skipped: agents here have none."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None


class StreamOptions(Open):
    """How a streamed answer is told."""

    include_usage: bool | None = None


class ResponseFormat(Open):
    """In which form the answer is wanted. Agents answer in Markdown, which is text."""

    type: Literal["text"]


class CompletionIn(Open):
    """A question to an agent, with what was said before it. `user` and every field that is not named here are dropped."""

    model: Annotated[str, StringConstraints(min_length=1, max_length=80)] = Field(
        description="The agent's slug, or its id."
    )
    messages: Annotated[list[Said], Field(min_length=1, max_length=1000)] = Field(
        description="The last message of the user is the question. System messages are followed after the agent's own instructions."
    )
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0.0, le=2.0, allow_inf_nan=False)] | None = Field(
        None, description="For a language model; left out: as the agent is set."
    )
    max_tokens: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(
        None, description="For a language model; never more than the agent allows."
    )
    max_completion_tokens: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(
        None, description="The newer name of `max_tokens`."
    )
    stop: Stop | Annotated[list[Stop], Field(max_length=4)] | None = Field(
        None, description="The answer ends before the first of these."
    )
    n: Literal[1] | None = Field(None, description="One answer is given.")
    response_format: ResponseFormat | None = Field(None, description="Text is given, and no JSON of a program's form.")
    tool_choice: Literal["none", "auto"] | None = Field(
        None, description="Tools of a program's own are never called: an agent has those that its owner gave it."
    )
    logprobs: Literal[False] | None = Field(None, description="None are told.")
    modalities: list[Literal["text"]] | None = Field(None, description="Text is given.")
    user: Any = Field(None, description="Dropped: who asks is decided by the key.")

    def asked(self) -> Asked:
        """What it comes to for an agent. Raises `Refused`."""
        said: list[tuple[str, str]] = [(one.role, _text_of(one, place)) for place, one in enumerate(self.messages)]
        last = max((place for place, (role, _) in enumerate(said) if role == "user"), default=-1)
        question = said[last][1].strip() if last >= 0 else ""
        if not question:
            raise Refused(
                400, "There is no message of the user's with a text, so there is no question.", param="messages"
            )
        if len(question) > LONGEST_QUESTION:
            raise Refused(
                400, f"A question has at most {LONGEST_QUESTION:,} characters.", code=TOO_LONG, param="messages"
            )
        instructions, history = _before(said[:last])
        if len(instructions) > LONGEST_INSTRUCTIONS:
            detail = f"System messages, and what was said without an answer, have at most {LONGEST_INSTRUCTIONS:,} characters."
            raise Refused(400, detail, code=TOO_LONG, param="messages")
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        limit = self.max_completion_tokens or self.max_tokens
        return Asked(question, history, Wishes(instructions, self.temperature, limit, stop))

    @property
    def wants_usage(self) -> bool:
        """Shall a stream end with the numbers of its tokens?"""
        return bool(self.stream_options and self.stream_options.include_usage)


class ModelOut(Schema):
    """An agent, as OpenAI's clients know models; `name` and `description` are ours."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    name: str
    description: str


class ModelsOut(Schema):
    """Every agent that the key's member may ask, the latest first."""

    object: Literal["list"] = "list"
    data: list[ModelOut]


class TokensOut(Schema):
    """Tokens of a language model, as its vendor counts them. The built-in retrieval asks none: zero."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class SourceOut(Schema):
    """A verbatim quote from a file, by the number with which the answer marks it."""

    number: int
    file_id: str | None
    file_name: str
    page: int | None
    label: str
    quote: str


class AnswerOut(Schema):
    """What the agent said."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ChoiceOut(Schema):
    """The one answer. `length`: it ends at the limit of tokens."""

    index: Literal[0] = 0
    message: AnswerOut
    finish_reason: Literal["stop", "length"]
    logprobs: None = None


class CompletionOut(Schema):
    """An answer. `citations` and `closest` (passages near the question that do not answer it) are ours, and ignored by OpenAI's clients."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChoiceOut]
    usage: TokensOut
    citations: list[SourceOut]
    closest: list[SourceOut]


def _text_of(said: Said, place: int) -> str:
    if said.role in ("tool", "function") or said.content is None:
        return ""
    if isinstance(said.content, str):
        return said.content
    for part in said.content:
        if part.type != "text":
            detail = f"Agents read text, and this part is of the type “{part.type[:40]}”. Leave it out, or upload it as a file."
            raise Refused(400, detail, param=f"messages[{place}].content")
    return "\n".join(part.text for part in said.content)


def _before(said: list[tuple[str, str]]) -> tuple[str, tuple[Turn, ...]]:
    """Instructions, and the turns in pairs of question and answer. What a user said without an answer counts as the former."""
    instructions: list[str] = []
    turns: list[Turn] = []
    waiting: list[str] = []
    for role, text in said:
        if not text.strip():
            continue
        if role == "user":
            waiting.append(text)
        elif role != "assistant":
            instructions.append(text)
        elif waiting:
            turns += [Turn("user", "\n\n".join(waiting)), Turn("assistant", text)]
            waiting = []
        elif turns:
            turns[-1] = Turn("assistant", f"{turns[-1].text}\n\n{text}")
    return "\n\n".join([*instructions, *waiting]), _latest(turns[-HISTORY:])


def _latest(turns: list[Turn]) -> tuple[Turn, ...]:
    """As many of the latest pairs as a model is told. The others would only be written down, however long, and forgotten."""
    left, kept = LONGEST_HISTORY, len(turns)
    while kept and (left := left - len(turns[kept - 1].text) - len(turns[kept - 2].text)) >= 0:
        kept -= 2
    return tuple(turns[kept:])
