"""AWS's registries of images (ECR) as values: their names, and what a repository is like."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

PUBLIC = "public.ecr.aws"
PUBLIC_REGION = "us-east-1"  # where the public registry is administrated, and only there
PRIVATE = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)"
    r"\.(?:amazonaws\.com|amazonaws\.com\.cn|amazonaws\.eu|on\.aws)"
)
CHINA = "cn-"


@dataclass(frozen=True)
class EcrHost:
    """A registry of AWS; the public one has no account in its name."""

    host: str
    region: str
    account: str = ""

    @property
    def is_public(self) -> bool:
        """Tell whether it is the public one."""
        return not self.account

    @property
    def service(self) -> str:
        """What AWS calls the service."""
        return "ecr-public" if self.is_public else "ecr"

    def named(self, repository: str) -> str:
        """Give what AWS calls a repository: in the public registry an alias stands before it."""
        return repository.partition("/")[2] if self.is_public else repository


@dataclass(frozen=True)
class NewRepository:
    """What a repository is like that has to be made; `lifecycle` is AWS's policy as JSON."""

    scan_on_push: bool = False
    immutable_tags: bool = False
    lifecycle: str = ""

    def options(self) -> dict[str, Any]:
        """Give it as AWS's CreateRepository takes it."""
        scan = {"imageScanningConfiguration": {"scanOnPush": True}} if self.scan_on_push else {}
        fixed = {"imageTagMutability": "IMMUTABLE"} if self.immutable_tags else {}
        return {**scan, **fixed}


def ecr_host(host: str) -> EcrHost | None:
    """Give the registry of AWS that a host is; None for another one."""
    if host == PUBLIC:
        return EcrHost(host, PUBLIC_REGION)
    found = PRIVATE.fullmatch(host)
    return EcrHost(host, found["region"], found["account"]) if found else None


def private_host(reference: str) -> EcrHost | None:
    """Give the private registry of AWS that an image is in; anybody may read the public one."""
    found = ecr_host(reference.partition("/")[0])
    return None if found is None or found.is_public else found


def domain(region: str) -> str:
    """Give the domain of the registries of a region."""
    return "amazonaws.com.cn" if region.startswith(CHINA) else "amazonaws.com"
