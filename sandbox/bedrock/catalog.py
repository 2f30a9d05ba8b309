"""The models and inference profiles that the sandbox knows.

Which model is to be had in which Region changes by the week, so Regions are checked only as far as a profile's
prefix goes (``jp.`` answers in Japan, ``us.`` in the United States, ``global.`` everywhere).

Sources: Amazon Bedrock User Guide, batch-inference-supported (batch and which models need a profile), the model
cards (structured output, CountTokens), model-lifecycle-legacy (end of life), inference-profiles-support.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from sandbox.bedrock.errors import ServiceError, conflict, not_found, validation

FamilyName = Literal["claude", "nova", "llama", "gpt-oss"]
ACCOUNT_ID = "123456789012"
INVALID_MODEL = "The provided model identifier is invalid."


class Model(NamedTuple):
    """A foundation model and what it can do."""

    model_id: str
    name: str
    provider: str
    family: FamilyName
    profiles: tuple[str, ...] = ()
    in_region: bool = False  # the bare id works, without an inference profile
    batch: bool = True
    structured: bool = False  # output_config.format and its relatives
    counts_tokens: bool = False
    one_sampler: bool = False  # temperature or top_p, not both
    end_of_life: bool = False


class Target(NamedTuple):
    """What a modelId of a request means."""

    model: Model
    profile: str | None  # "global", "jp", ... or None for the bare model


class Profile(NamedTuple):
    """A system-defined inference profile."""

    model: Model
    prefix: str

    @property
    def profile_id(self) -> str:
        """The id that a request names it by."""
        return f"{self.prefix}.{self.model.model_id}"


_GEOGRAPHIES = {
    "us": ("us-east-1", "us-east-2", "us-west-2"),
    "eu": ("eu-central-1", "eu-north-1", "eu-south-1", "eu-west-1", "eu-west-3"),
    "au": ("ap-southeast-2", "ap-southeast-4"),
    "jp": ("ap-northeast-1", "ap-northeast-3"),
    "apac": ("ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2"),
    "global": ("us-east-1", "us-west-2", "eu-central-1", "ap-northeast-1", "ap-southeast-2"),
}
_HOME_PREFIXES = {"us": ("us-", "ca-"), "eu": ("eu-",), "au": ("ap-",), "jp": ("ap-northeast-",), "apac": ("ap-",)}
_EVERYWHERE = ("us", "eu", "au", "jp", "global")
_NOVA_1 = ("us", "eu", "apac")


def _claude(model_id: str, name: str, **changes: bool) -> Model:
    defaults = {"structured": True, "counts_tokens": True, "one_sampler": True}
    return Model(f"anthropic.{model_id}", name, "Anthropic", "claude", _EVERYWHERE, **(defaults | changes))


MODELS = {
    model.model_id: model
    for model in (
        _claude("claude-haiku-4-5-20251001-v1:0", "Claude Haiku 4.5"),
        _claude("claude-sonnet-4-5-20250929-v1:0", "Claude Sonnet 4.5"),
        _claude("claude-sonnet-4-6", "Claude Sonnet 4.6"),
        _claude("claude-opus-4-5-20251101-v1:0", "Claude Opus 4.5"),
        _claude("claude-opus-4-6-v1", "Claude Opus 4.6"),
        _claude("claude-opus-5", "Claude Opus 5"),
        _claude("claude-sonnet-5", "Claude Sonnet 5", structured=False, counts_tokens=False, batch=False),
        _claude("claude-3-haiku-20240307-v1:0", "Claude 3 Haiku", structured=False, end_of_life=True),
        Model("amazon.nova-micro-v1:0", "Nova Micro", "Amazon", "nova", _NOVA_1, in_region=True),
        Model("amazon.nova-lite-v1:0", "Nova Lite", "Amazon", "nova", _NOVA_1, in_region=True),
        Model("amazon.nova-pro-v1:0", "Nova Pro", "Amazon", "nova", _NOVA_1, in_region=True),
        Model("amazon.nova-premier-v1:0", "Nova Premier", "Amazon", "nova", ("us",)),
        Model("amazon.nova-2-lite-v1:0", "Nova 2 Lite", "Amazon", "nova", ("us", "eu", "jp", "global")),
        Model("meta.llama3-3-70b-instruct-v1:0", "Llama 3.3 70B", "Meta", "llama", ("us",), in_region=True),
        Model("meta.llama4-maverick-17b-instruct-v1:0", "Llama 4 Maverick", "Meta", "llama", ("us",)),
        Model("meta.llama4-scout-17b-instruct-v1:0", "Llama 4 Scout", "Meta", "llama", ("us",)),
        Model("openai.gpt-oss-20b-1:0", "gpt-oss-20b", "OpenAI", "gpt-oss", in_region=True, structured=True),
        Model("openai.gpt-oss-120b-1:0", "gpt-oss-120b", "OpenAI", "gpt-oss", in_region=True, structured=True),
        Model("openai.gpt-oss-safeguard-20b", "gpt-oss-safeguard-20b", "OpenAI", "gpt-oss", in_region=True),
        Model("openai.gpt-oss-safeguard-120b", "gpt-oss-safeguard-120b", "OpenAI", "gpt-oss", in_region=True),
    )
}

_ARN = re.compile(r"arn:aws(?:-[^:]+)?:bedrock:(?P<region>[a-z0-9-]*):(?P<account>\d*):(?P<kind>[a-z-]+)/(?P<name>.+)")


def resolve(model_id: str, region: str) -> Target:
    """The model behind an id, profile id or ARN, for running inference with it.

    Raises:
        ServiceError: in AWS's words, for an id that is unknown, not of this Region, past its end of life, or bare
            where an inference profile is needed.
    """
    name = model_id
    if arn := _ARN.fullmatch(model_id):
        if arn["kind"] not in ("foundation-model", "inference-profile"):  # see ApplicationProfiles
            raise not_found(f"The resource {model_id} was not found.")
        if arn["kind"] == "inference-profile" and arn["region"] != region:
            raise validation(INVALID_MODEL)
        name = arn["name"]
        if (arn["kind"] == "inference-profile") is (name in MODELS):
            raise validation(INVALID_MODEL)
    target = MODELS.get(name)
    profile = None
    if target is None:
        prefix, _, rest = name.partition(".")
        target = MODELS.get(rest)
        if target is None or prefix not in target.profiles or not _is_home(prefix, region):
            raise validation(INVALID_MODEL)
        profile = prefix
    if target.end_of_life:
        message = "This model version has reached the end of its life. Please refer to the AWS documentation."
        raise ServiceError("ResourceNotFoundException", message)
    if profile is None and not target.in_region:
        raise validation(
            # AWS prints a typographic apostrophe here.
            f"Invocation of model ID {target.model_id} with on-demand throughput isn\u2019t supported. Retry your "
            "request with the ID or ARN of an inference profile that contains this model."
        )
    return Target(target, profile)


def foundation_model(model_id: str) -> Model:
    """The model of a foundation-model id or ARN; a profile's id is not one.

    Raises:
        ServiceError: ValidationException for a profile, ResourceNotFoundException for an unknown model.
    """
    arn = _ARN.fullmatch(model_id)
    name = arn["name"] if arn and arn["kind"] == "foundation-model" else model_id
    if name in MODELS:
        return MODELS[name]
    if name.partition(".")[0] in _GEOGRAPHIES:
        raise validation(INVALID_MODEL)
    raise not_found("Could not resolve the foundation model from the provided model identifier.")


def profiles(region: str) -> list[Profile]:
    """Every system-defined inference profile that can be called from a Region, in a stable order."""
    return [
        Profile(model, prefix)
        for model in MODELS.values()
        if not model.end_of_life
        for prefix in model.profiles
        if _is_home(prefix, region)
    ]


def inference_profile(identifier: str, region: str) -> Profile:
    """The profile of an id or ARN.

    Raises:
        ServiceError: ResourceNotFoundException when this Region has none of that name.
    """
    arn = _ARN.fullmatch(identifier)
    name = arn["name"] if arn else identifier
    for profile in profiles(region):
        if profile.profile_id == name:
            return profile
    raise not_found(f"The inference profile {identifier} was not found.")


def destination_arns(profile: Profile, region: str) -> list[str]:
    """The foundation-model ARNs that a profile may route to, the caller's Region first (five at most).

    A global profile has that of its own Region and one without a Region. Source: Bedrock User Guide,
    global-cross-region-inference.
    """
    ordered = [region, *(other for other in _GEOGRAPHIES[profile.prefix] if other != region)]
    names = [region, ""] if profile.prefix == "global" else ordered[:5]
    return [f"arn:aws:bedrock:{name}::foundation-model/{profile.model.model_id}" for name in names]


def profile_arn(profile: Profile, region: str) -> str:
    """The ARN of a system-defined inference profile."""
    return f"arn:aws:bedrock:{region}:{ACCOUNT_ID}:inference-profile/{profile.profile_id}"


def _is_home(prefix: str, region: str) -> bool:
    return prefix == "global" or region.startswith(_HOME_PREFIXES.get(prefix, ()))


class ApplicationProfile(NamedTuple):
    """An inference profile that a customer made of a model or of a system-defined profile, to tell costs apart."""

    arn: str
    name: str
    description: str | None
    target: Target
    created_at: float

    @property
    def profile_id(self) -> str:
        """The last segment of its ARN, which says nothing of its model."""
        return self.arn.rpartition("/")[2]


class ApplicationProfiles:
    """Every application inference profile of the endpoint, by ARN; the caller holds the lock."""

    def __init__(self) -> None:
        self._profiles: dict[str, ApplicationProfile] = {}
        self._tokens: dict[tuple[str, str], str] = {}

    def create(self, request: Mapping[str, Any], region: str, now: float) -> ApplicationProfile:
        """A new profile, or the one that its token already made.

        Raises:
            ServiceError: as `resolve` for what it is to be made of; ConflictException where the name is taken.
        """
        token = request.get("clientRequestToken")
        if token and (arn := self._tokens.get((region, token))):
            return self._profiles[arn]
        name, source = request["inferenceProfileName"], request["modelSource"]["copyFrom"]
        target = resolve(source, region)
        if any(profile.name == name for profile in self.of_region(region)):
            raise conflict(f"An inference profile with the name {name} already exists.")
        profile_id = hashlib.sha256(f"{region}/{name}/{len(self._profiles)}/{now}".encode()).hexdigest()[:12]
        arn = f"arn:aws:bedrock:{region}:{ACCOUNT_ID}:application-inference-profile/{profile_id}"
        self._profiles[arn] = ApplicationProfile(arn, name, request.get("description"), target, now)
        if token:
            self._tokens[region, token] = arn
        return self._profiles[arn]

    def find(self, identifier: str, region: str) -> ApplicationProfile | None:
        """The profile of an ARN or id, if this Region has it."""
        for profile in self.of_region(region):
            if identifier in (profile.arn, profile.profile_id):
                return profile
        return None

    def of_region(self, region: str) -> list[ApplicationProfile]:
        """The profiles of a Region, the oldest first."""
        return [profile for arn, profile in self._profiles.items() if arn.split(":")[3] == region]

    def resolve(self, model_id: str, region: str) -> Target:
        """The model behind whatever a modelId may be; raises as the module's `resolve`."""
        profile = self.find(model_id, region) if model_id.startswith("arn:") else None
        return profile.target if profile else resolve(model_id, region)
