"""A name in a registry as the place that an image is brought to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from memory_registry import MemoryRegistry
from oci_images import image_of

from dockerutils.engine import ImageFacts
from dockerutils.errors import DockerutilsError
from dockerutils.oci.descriptor import Descriptor
from dockerutils.oci.media_types import OCI_INDEX
from dockerutils.oci.registry.failures import RegistryError, Subject, of_status
from dockerutils.oci.registry.reference import RegistryReference
from dockerutils.publication.target import RegistryTarget

IMAGE = image_of({"a": b"1"}, {"b": b"2"})
FACTS = ImageFacts(IMAGE.id, IMAGE.diff_ids)


def target(registry: MemoryRegistry, *more_tags: str, repository: str = "app") -> RegistryTarget:
    return RegistryTarget(registry, RegistryReference(registry.host, repository, "1"), more_tags)


def digest(registry: MemoryRegistry, tag: str, repository: str = "app") -> str:
    found = registry.manifest(repository, tag)
    return found[1].digest if found else ""


def test_an_image_gets_all_its_tags_and_each_means_the_same() -> None:
    registry = MemoryRegistry()
    placed = target(registry, "2", "1", "3").put(IMAGE)

    assert "registry.test/app:1" == placed.reference
    assert {placed.digest} == {digest(registry, tag) for tag in "123"}


def test_a_tag_that_means_it_already_is_not_put_again() -> None:
    registry = MemoryRegistry()
    target(registry, "2").put(IMAGE)
    registry.requests()

    target(registry, "2").put(IMAGE)

    assert "put manifest" not in registry.requests()


def test_the_image_that_is_there_need_not_be_saved() -> None:
    registry = MemoryRegistry()
    placed = target(registry).put(IMAGE)
    registry.requests()
    again = target(registry)

    assert again.has(FACTS)
    assert again.placed == replace(placed, sent=0, skipped=placed.sent, layers_sent=0)
    assert {"get manifest"} == set(registry.requests())


def test_the_image_that_is_there_gets_its_other_tags() -> None:
    registry = MemoryRegistry()
    placed = target(registry).put(IMAGE)

    assert target(registry, "2").has(FACTS)
    assert placed.digest == digest(registry, "2")


@pytest.mark.parametrize(
    "facts",
    [ImageFacts("sha256:" + "0" * 64), replace(FACTS, by_manifest=True)],
    ids=["another image", "a store whose IDs mean something else"],
)
def test_another_image_is_not_taken_for_it(facts: ImageFacts) -> None:
    registry = MemoryRegistry()
    target(registry).put(IMAGE)

    assert not target(registry).has(facts)


def test_nothing_and_an_index_are_not_taken_for_it() -> None:
    registry = MemoryRegistry()
    assert not target(registry).has(FACTS)

    registry.manifests["app", "1"] = b'{"schemaVersion": 2, "manifests": []}', OCI_INDEX
    assert not target(registry).has(FACTS)


def test_what_one_repository_got_is_mounted_into_the_next() -> None:
    registry = MemoryRegistry()
    first = target(registry)
    first.put(IMAGE)
    registry.requests()

    other = RegistryTarget(registry, RegistryReference(registry.host, "web", "1"), (), first.shared)
    placed = other.put(IMAGE)

    assert 0 == placed.sent
    asked = registry.requests()
    assert 2 == asked.count("mount")
    assert "upload" not in asked


class Forgetful(MemoryRegistry):
    """Takes an image and does not have it then."""

    def manifest(self, repository: str, reference: str) -> tuple[bytes, Descriptor] | None:
        del repository, reference
        return None


def test_a_registry_that_does_not_give_it_back_has_not_taken_it() -> None:
    with pytest.raises(DockerutilsError, match="does not give it back"):
        target(Forgetful()).put(IMAGE)


class Refusing(MemoryRegistry):
    """Refuses manifests, with a status and with words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__()
        self.status = status
        self.words = words

    def put_manifest(self, repository: str, reference: str, data: bytes, media_type: str) -> str:
        del reference, data, media_type
        raise of_status(Subject(self.host, repository), self.status, self.words, writes=True)


@pytest.mark.parametrize(
    ("status", "words", "advice"),
    [
        (400, "the tag is immutable", "publish under another one, `-t TAG`"),
        (412, "configured as Immutable", "publish under another one"),
        (403, "adding 5 MiB, which will exceed the limit", "Remove images there"),
        (507, "", "Remove images there"),
        (429, "you have exceeded your rate", "who is logged in"),
        (401, "", "log in at AWS"),
        (403, "denied", "log in at AWS"),
    ],
)
def test_a_refusal_says_what_to_do(status: int, words: str, advice: str) -> None:
    refused = target(Refusing(status, words))
    refused.rights = "log in at AWS"

    with pytest.raises(RegistryError) as caught:
        refused.put(IMAGE)

    assert advice in caught.value.hint
