"""What goes in and out over HTTP, as types: routes answer with these, and OpenAPI is derived from them."""

from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from models.records import Rank

# RFC 5646 in its usual forms: fr, fr-CA, zh-Hant-TW.
LANGUAGE_TAG = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$"
LANG_ABOUT = (
    "Language of names and facts, such as `fr` or `fr-CA`. Without it `Accept-Language` decides; a language "
    "that is not had is answered in English, and `Content-Language` says so."
)


class Query(BaseModel):
    """A query whose JSON schema is made once: the framework asks for it at every request, and it takes half
    a millisecond to make.
    """

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        """Give the schema; the one of validation, which the framework only reads, from memory."""
        return super().model_json_schema(*args, **options) if args or options else cls._plain_schema()

    @classmethod
    @cache
    def _plain_schema(cls) -> dict[str, Any]:
        return super().model_json_schema()


class LanguageQuery(Query):
    lang: str | None = Field(default=None, pattern=LANGUAGE_TAG, description=LANG_ABOUT)


class IdentifyQuery(LanguageQuery):
    top: int = Field(default=5, ge=1, le=20, description="How many fruits `results` holds at most.")


class FruitsQuery(LanguageQuery):
    q: str = Field(
        default="",
        max_length=100,
        description="A name or the beginning of one, in any language; accents, case and a few typing "
        "mistakes are forgiven.",
    )


class FruitPath(BaseModel):
    id: str = Field(description="Fruit id, such as `passion-fruit`.")


class Problem(BaseModel):
    """An error as RFC 9457 describes it; rely on `status` and `code`."""

    type: str = Field(description="URN of this kind of problem.")
    title: str = Field(description="The kind of problem, for a person.")
    status: int = Field(description="HTTP status.")
    detail: str = Field(description="What happened and what to do.")
    code: str = Field(description="Stable name of the problem, for a program.")
    request_id: str = Field(
        description="Quote it when reporting a problem; also in the header `X-Request-Id`."
    )
    instance: str = Field(description="Path of the request.")


class IsFruitBody(BaseModel):
    probability: float = Field(ge=0, le=1, description="Probability that the photo shows a fruit.")
    threshold: float = Field(ge=0, le=1, description="From this probability on `binary` is true.")
    binary: bool


class AnswerBody(BaseModel):
    """The most specific statement that the scores support."""

    rank: Rank
    id: str | None = Field(description="Variety, fruit or family id by `rank`; null at `unknown`.")
    name: str | None = Field(description="Its name in the language of the answer; null at `unknown`.")
    score: float = Field(ge=0, le=1, description="Calibrated probability that the statement is right.")


class VarietyBody(BaseModel):
    id: str
    name: str
    score: float = Field(
        ge=0, le=1, description="Joint probability of fruit and variety: never above the fruit's."
    )


class SimilarBody(BaseModel):
    """A photo of the index that resembles the one sent."""

    image: str
    similarity: float = Field(ge=-1, le=1, description="Cosine of the two photos' vectors.")
    credit: str


class ResultBody(BaseModel):
    fruit: str
    name: str
    scientific_name: str | None
    score: float = Field(
        ge=0, le=1, description="Calibrated probability; all fruits together sum to at most 1."
    )
    varieties: list[VarietyBody]
    similar: list[SimilarBody]
    info: str = Field(description="Path of everything known about the fruit.")


class AdviceBody(BaseModel):
    code: str = Field(description="`too_dark`, `blown_out`, `blurred`, `tiny` or `only_background`.")
    message: str = Field(description="What is wrong and what to do, in the language of the answer.")


class PhotoBody(BaseModel):
    width: int = Field(description="Pixels, upright.")
    height: int = Field(description="Pixels, upright.")
    usable: bool
    advice: list[AdviceBody]


class BundleBody(BaseModel):
    version: str
    network: str


class ServedBundleBody(BundleBody):
    since: str = Field(description="When this process began to serve it: ISO 8601, UTC.")


class StoreBody(BaseModel):
    """What the bundle store said when it was last asked which bundle is current."""

    asked_at: str = Field(description="ISO 8601, UTC.")
    answers: bool = Field(
        description="Whether it said which is current; until it does, the last good bundle goes on serving."
    )
    current: str | None = Field(description="The version that it names; null when it named none.")
    problem: str | None = Field(
        description="Stable name of what keeps the store from answering or that version from being served; "
        "null when all is well."
    )


class TimingBody(BaseModel):
    """Milliseconds; `total` runs from the last byte received to the answer, waiting for a core included."""

    decode: float
    embed: float
    search: float
    total: float


class Named(BaseModel):
    id: str
    name: str


class Text(BaseModel):
    """A text and the language that it is in: English where the language asked for has none."""

    text: str
    lang: str


class VarietyAbout(Named):
    description: Text | None = Field(description="A line on it; null where there is none.")


class LookAlikes(BaseModel):
    family: Named
    fruits: list[Named]


class Caution(BaseModel):
    """A warning with its source; shown with every answer that it comes with."""

    model_config = ConfigDict(extra="allow")

    id: str
    text: str
    lang: str = Field(description="Language of `text`.")


TOPIC = "Null when no sourced figure is known; every figure names its source by a key of `sources`."


class FruitDetails(BaseModel):
    """Everything known about a fruit, in one language, each figure with its source."""

    model_config = ConfigDict(extra="allow")

    id: str
    name: str
    lang: str
    scientific_name: str | None
    taxonomy: dict[str, Any] | None
    look_alikes: LookAlikes | None
    varieties: list[VarietyAbout]
    description: Text | None
    nutrition: dict[str, Any] | None = Field(description=TOPIC)
    season: dict[str, Any] | None = Field(description=TOPIC)
    co2: dict[str, Any] | None = Field(description=TOPIC)
    storage: dict[str, Any] | None = Field(description=TOPIC)
    ripening: dict[str, Any] | None = Field(description=TOPIC)
    handling: dict[str, Any] | None = Field(description=TOPIC)
    diversity: dict[str, Any] | None = Field(description=TOPIC)
    cautions: list[Caution]
    cautions_note: Text
    no_sourced_figure: list[str] = Field(description="Topics that nothing is known about.")
    no_sourced_figure_text: str | None = Field(description="The same as a sentence.")
    sources: dict[str, Any] = Field(description="What figures name as their source, by that name.")


class IdentifyBody(BaseModel):
    is_fruit: IsFruitBody
    answer: AnswerBody
    results: list[ResultBody] = Field(
        description="The best fruits, best first, also when the answer is `unknown`."
    )
    fruit: FruitDetails | None = Field(description="The fruit of the answer; null at `family` and `unknown`.")
    cautions: list[Caution] | None = Field(
        default=None, description="Present when `fruit` is null: the cautions that go with every answer."
    )
    photos: list[PhotoBody]
    bundle: BundleBody
    timing_ms: TimingBody


class FruitEntry(BaseModel):
    id: str
    name: str
    scientific_name: str | None
    identifiable: bool = Field(description="Whether the loaded bundle can name it in a photo.")


class FruitsBody(BaseModel):
    fruits: list[FruitEntry] = Field(description="Sorted by name; with `q`, the best match first.")


class PrivacyStatement(BaseModel):
    """What happens to one thing that is known of a request."""

    id: str = Field(description="Stable name of what it is about, such as `photo`.")
    title: str
    text: str
    kept: str | None = Field(description="How long it is kept; null where nothing is.")


class PrivacyBody(BaseModel):
    lang: str
    title: str
    summary: str
    statements: list[PrivacyStatement]
    contact: str | None = Field(
        description="Who runs this service and how to reach them; null when they do not say."
    )


class HealthBody(BaseModel):
    status: str = Field(description="`ok`: the process is alive.")


STORE = "Null before the store was asked, and without one, when the default bundle answers."


class ReadyBody(BaseModel):
    status: str = Field(description="`ready`: a verified bundle is loaded and warm.")
    bundle: ServedBundleBody
    store: StoreBody | None = Field(description=STORE)


class VersionBody(BaseModel):
    version: str = Field(description="Version of the API.")
    bundle: ServedBundleBody | None = Field(description="The bundle that answers; null until there is one.")
    store: StoreBody | None = Field(description=STORE)
