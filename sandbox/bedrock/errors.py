"""The errors of Amazon Bedrock, in AWS's own shape.

A REST-JSON service answers an error with its status code, the header ``x-amzn-ErrorType`` and a JSON body
``{"message": ...}``. The status codes are those of botocore's service models.
"""

STATUS_CODES = {
    "AccessDeniedException": 403,
    "ConflictException": 400,
    "InternalServerException": 500,
    "InvalidPaginationTokenException": 400,
    "MissingAuthenticationTokenException": 403,
    "ModelErrorException": 424,
    "ModelNotReadyException": 429,
    "ModelTimeoutException": 408,
    "RequestEntityTooLargeException": 413,
    "NoSuchResourceException": 400,
    "ResourceNotFoundException": 404,
    "SerializationException": 400,
    "ServiceQuotaExceededException": 400,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 429,
    "TooManyTagsException": 400,
    "UnknownOperationException": 404,
    "ValidationException": 400,
}


class ServiceError(Exception):
    """A call that AWS would refuse: ``code`` names the exception a client sees."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = STATUS_CODES[code]


class ConnectionDropped(Exception):
    """The call was carried out, but its answer is to be lost on the wire."""


def access_denied(message: str) -> ServiceError:
    """The caller, or the role that it passes, lacks a permission."""
    return ServiceError("AccessDeniedException", message)


def conflict(message: str) -> ServiceError:
    """The call is at odds with the state of what it names."""
    return ServiceError("ConflictException", message)


def not_found(message: str) -> ServiceError:
    """What the call names does not exist (in this Region)."""
    return ServiceError("ResourceNotFoundException", message)


def quota_exceeded(message: str) -> ServiceError:
    """The account has as many of these as it may have."""
    return ServiceError("ServiceQuotaExceededException", message)


def validation(message: str) -> ServiceError:
    """The request itself is wrong."""
    return ServiceError("ValidationException", message)
