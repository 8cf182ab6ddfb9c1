"""What the tests of the whole product share."""

import pytest

from tests.end_to_end.image_replay import Image, build_image


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Build the Dockerfile's image once."""
    return build_image(tmp_path_factory.mktemp("image"))
