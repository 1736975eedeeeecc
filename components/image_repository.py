"""Where the images of one service are kept: immutable, scanned, and there when a rollback asks."""

import json
from collections.abc import Mapping
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws


class ImageRepositoryArgs(TypedDict):
    """How many images are kept, and who builds them."""

    keep_images: NotRequired[int]
    """Tagged images that are kept, the newest ones. Defaults to 100: a tagged image is never too
    old, only too far back, so that what runs or what a rollback needs stays even after months
    without a deployment. Layers are shared, so a hundred images cost little more than a few."""
    untagged_days: NotRequired[int]
    """Days until an image without a tag is deleted. Defaults to 7: nothing but a failed push leaves
    one. The images of a manifest list have no tag either, but go only with the list:
    https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html"""
    kms_key_arn: NotRequired[pulumi.Input[str]]
    """Key that encrypts the images; changing it replaces the repository. Defaults to S3's own
    AES-256, which costs nothing and asks no further permission of whoever pulls:
    https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html"""
    force_delete: NotRequired[bool]
    """Whether deleting the repository deletes the images in it. Defaults to False."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete the repository. Defaults to True."""
    build_context: NotRequired[str]
    """Directory of a Dockerfile to build and push from this machine, which needs Docker. Defaults
    to "": CI pushes, and passes a digest."""
    platform: NotRequired[str]
    """Platform to build for. Defaults to `linux/arm64`, the architecture that tasks run on."""
    tags: NotRequired[Mapping[str, str]]
    """Extra tags for the repository. Defaults to none."""


class ImageRepository(pulumi.ComponentResource):
    """A private ECR repository, and optionally an image built into it from a laptop."""

    arn: pulumi.Output[str]
    """ARN of the repository."""
    repository_name: pulumi.Output[str]
    """Name of the repository."""
    repository_url: pulumi.Output[str]
    """What an image's name begins with; known once the lifecycle policy stands."""
    image_uri: pulumi.Output[str]
    """The image built here, by digest; "" when CI pushes."""

    def __init__(
        self, name: str, args: ImageRepositoryArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Refuses to keep too little for a rollback."""
        keep_images, untagged_days = args.get("keep_images", 100), args.get("untagged_days", 7)
        _refuse_mistakes(name, keep_images, untagged_days, args.get("platform", "linux/arm64"))
        super().__init__("babyrobots:index:ImageRepository", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)

        repository = aws.ecr.Repository(
            f"{name}-repository",
            # A tag that runs in production is the same image tomorrow.
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[_encryption(args)],
            force_delete=args.get("force_delete", False),
            tags={"Name": name, **args.get("tags", {})},
            opts=pulumi.ResourceOptions(parent=self, protect=args.get("protect", True)),
        )
        lifecycle = aws.ecr.LifecyclePolicy(
            f"{name}-lifecycle",
            repository=repository.name,
            policy=lifecycle_policy(keep_images, untagged_days),
            opts=child,
        )

        self.arn = repository.arn
        self.repository_name = repository.name
        self.repository_url = pulumi.Output.all(repository.repository_url, lifecycle.id).apply(
            lambda known: known[0]
        )
        self.image_uri = (
            self._build(name, args) if args.get("build_context") else pulumi.Output.from_input("")
        )
        self.register_outputs(
            {
                "arn": self.arn,
                "repository_name": self.repository_name,
                "repository_url": self.repository_url,
                "image_uri": self.image_uri,
            }
        )

    def _build(self, name: str, args: ImageRepositoryArgs) -> pulumi.Output[str]:
        # Imported here: it is slow, and every stack but a developer's own does without.
        import pulumi_awsx.ecr as awsx_ecr

        image = awsx_ecr.Image(
            f"{name}-image",
            repository_url=self.repository_url,
            context=args.get("build_context", ""),
            platform=args.get("platform", "linux/arm64"),
            # The next build must not delete the image that a rollback goes back to.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        return image.image_uri


def lifecycle_policy(keep_images: int, untagged_days: int) -> str:
    """Untagged images go by age, tagged ones only by count:
    https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
    """
    untagged = {
        "rulePriority": 1,
        "description": f"Delete untagged images after {untagged_days} days",
        "selection": {
            "tagStatus": "untagged",
            "countType": "sinceImagePushed",
            "countUnit": "days",
            "countNumber": untagged_days,
        },
        "action": {"type": "expire"},
    }
    tagged = {
        "rulePriority": 2,
        "description": f"Keep the {keep_images} newest tagged images",
        "selection": {
            "tagStatus": "tagged",
            "tagPatternList": ["*"],
            "countType": "imageCountMoreThan",
            "countNumber": keep_images,
        },
        "action": {"type": "expire"},
    }
    return json.dumps({"rules": [untagged, tagged]})


def _encryption(args: ImageRepositoryArgs) -> aws.ecr.RepositoryEncryptionConfigurationArgsDict:
    if "kms_key_arn" in args:
        return {"encryption_type": "KMS", "kms_key": args["kms_key_arn"]}
    return {"encryption_type": "AES256"}


def _refuse_mistakes(name: str, keep_images: int, untagged_days: int, platform: str) -> None:
    problems = []
    if keep_images < 10:
        problems.append(
            f"keep_images is {keep_images}; keep at least 10, or a busy day deletes the image"
            " that a rollback needs"
        )
    if untagged_days < 1:
        problems.append(f"untagged_days is {untagged_days}; ECR counts from 1 day")
    if platform not in ("linux/arm64", "linux/amd64"):
        problems.append(f"platform is {platform!r}; Fargate runs linux/arm64 and linux/amd64")
    if problems:
        raise ValueError(f"ImageRepository {name!r}: " + "; ".join(problems))
