"""What a build is asked to do, read once from the command line."""

from dataclasses import dataclass, field

from batch.corpus import Reader
from models.locations import S3Options

DEFAULT_COMPONENTS = 64


@dataclass(frozen=True)
class BuildSettings:
    """Settings of `python -m batch build`.

    Attributes:
        corpora: addresses of folders of folders of photos.
        store: where the bundle is published.
        features: where embeddings are kept between builds; `<store>/features` if None.
        network: `fruitnet`, `mobilenet_v2`, or the path of a `.tflite`.
        feature_tensor: tensor of that file to read as embedding; its output if None.
        weights: file with the weights of a network by name, where the hub is out of reach.
        components: of the PCA.
        whitening: of its components, 0 (none) to 1 (all count alike).
        neighbours: None lets the build choose how head and neighbours are blended; a number lets that many
            neighbours decide alone.
        master: Spark master, such as `local[*]` or `spark://host:7077`.
        strict_labels: refuse folders that nobody knows.
        force: publish even where the gate refuses.
        max_rejects: share of photos that may be unusable before the build stops, 0..1.
        reader: `auto`, or `hadoop` to read every corpus through Spark's own file readers.
        s3: how S3 is reached.
    """

    corpora: tuple[str, ...]
    store: str
    features: str | None = None
    network: str = "fruitnet"
    feature_tensor: str | None = None
    weights: str | None = None
    components: int = DEFAULT_COMPONENTS
    whitening: float = 0.0
    neighbours: int | None = None
    master: str = "local[*]"
    strict_labels: bool = False
    force: bool = False
    max_rejects: float = 0.25
    reader: Reader = "auto"
    s3: S3Options = field(default_factory=S3Options)

    @property
    def features_uri(self) -> str:
        """Where embeddings are kept."""
        return self.features or f"{self.store.rstrip('/')}/features"
