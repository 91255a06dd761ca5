"""The keys that say where and how an image is published."""

from __future__ import annotations

from dataclasses import dataclass

from dockerutils.config.key import key
from dockerutils.config.kinds import Text, Truth

AT_CREATION = "It holds for a repository that `publish-image` makes, not for one that is there."


@dataclass(frozen=True)
class PublicationSettings:
    """Where an image is published, as whom at AWS, and what a new repository there is like."""

    image_repo: str | None = key(
        Text(),
        "Where the image is published: `aws`, `docker_hub`, or a registry's host, with a path if"
        " need be.",
        default="the registry that `publication_tag` names",
        ini="ghcr.io/shop",
        toml='"ghcr.io/shop"',
    )
    publication_tag: str | None = key(
        Text(),
        "The whole name under which it is published; `{account}` and `{region}` (of AWS),"
        " `{image}`, `{tag}` and `{user}` are replaced.",
        default="`{account}.dkr.ecr.{region}.amazonaws.com/{image}:{tag}` for `aws`,"
        " `LOGIN/{image}:{tag}` for `docker_hub`, else `HOST/{image}:{tag}`",
        ini="{account}.dkr.ecr.{region}.amazonaws.com/{image}:{tag}",
        toml='"{account}.dkr.ecr.{region}.amazonaws.com/{image}:{tag}"',
    )
    aws_profile: str | None = key(
        Text(),
        "The profile of `~/.aws` that is used for registries of AWS, to publish there and to pull"
        " from there.",
        default="the one of the environment",
        ini="production",
        toml='"production"',
    )
    aws_role: str | None = key(
        Text(),
        "The role, by its ARN, that is taken on for registries of AWS.",
        default="none",
        ini="arn:aws:iam::123456789012:role/publisher",
        toml='"arn:aws:iam::123456789012:role/publisher"',
    )
    scan_on_push: bool | None = key(
        Truth(),
        f"Whether AWS looks for known vulnerabilities in what is pushed. {AT_CREATION}",
        default="as the registry is set",
        ini="True",
        toml="true",
    )
    immutable_tags: bool | None = key(
        Truth(),
        f"Whether a tag stays what it was published as, at AWS. {AT_CREATION}",
        default="false",
        ini="True",
        toml="true",
    )
    lifecycle: str | None = key(
        Text("file"),
        "A file, from the project's root, with a lifecycle policy of AWS as JSON: what is removed"
        f" there, and when. {AT_CREATION}",
        default="none",
        ini="docker/lifecycle.json",
        toml='"docker/lifecycle.json"',
    )
