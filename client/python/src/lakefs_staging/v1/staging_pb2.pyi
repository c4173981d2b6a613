from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor
OUTCOME_COMMITTED: Outcome
OUTCOME_NOT_COMMITTED: Outcome
OUTCOME_SUPERSEDED: Outcome
OUTCOME_UNKNOWN: Outcome
OUTCOME_UNSPECIFIED: Outcome
PLAN_AZURE_BLOCKS: Plan
PLAN_DIRECT_S3: Plan
PLAN_LOCAL_FILE: Plan
PLAN_MULTIPART: Plan
PLAN_SINGLE_PUT: Plan
PLAN_SPOOLED_PUT: Plan
PLAN_THROUGH_LAKEFS: Plan
PLAN_UNSPECIFIED: Plan

class DiscardUploadRequest(_message.Message):
    __slots__ = ["resume_token"]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    resume_token: bytes
    def __init__(self, resume_token: _Optional[bytes] = ...) -> None: ...

class DiscardUploadResponse(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class GetPhysicalAddressRequest(_message.Message):
    __slots__ = ["object", "presign"]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    PRESIGN_FIELD_NUMBER: _ClassVar[int]
    object: ObjectPath
    presign: bool
    def __init__(self, object: _Optional[_Union[ObjectPath, _Mapping]] = ..., presign: bool = ...) -> None: ...

class GetPhysicalAddressResponse(_message.Message):
    __slots__ = ["location"]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    location: StagingLocation
    def __init__(self, location: _Optional[_Union[StagingLocation, _Mapping]] = ...) -> None: ...

class GetUploadOutcomeRequest(_message.Message):
    __slots__ = ["object", "request_id"]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    object: ObjectPath
    request_id: str
    def __init__(self, request_id: _Optional[str] = ..., object: _Optional[_Union[ObjectPath, _Mapping]] = ...) -> None: ...

class GetUploadOutcomeResponse(_message.Message):
    __slots__ = ["failure", "failure_message", "failure_reason", "in_progress", "outcome", "result"]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_REASON_FIELD_NUMBER: _ClassVar[int]
    IN_PROGRESS_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    failure: UploadFailure
    failure_message: str
    failure_reason: str
    in_progress: bool
    outcome: Outcome
    result: UploadResult
    def __init__(self, outcome: _Optional[_Union[Outcome, str]] = ..., in_progress: bool = ..., result: _Optional[_Union[UploadResult, _Mapping]] = ..., failure: _Optional[_Union[UploadFailure, _Mapping]] = ..., failure_reason: _Optional[str] = ..., failure_message: _Optional[str] = ...) -> None: ...

class LinkPhysicalAddressRequest(_message.Message):
    __slots__ = ["if_absent", "if_match", "metadata", "object"]
    IF_ABSENT_FIELD_NUMBER: _ClassVar[int]
    IF_MATCH_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    if_absent: bool
    if_match: str
    metadata: StagingMetadata
    object: ObjectPath
    def __init__(self, object: _Optional[_Union[ObjectPath, _Mapping]] = ..., metadata: _Optional[_Union[StagingMetadata, _Mapping]] = ..., if_absent: bool = ..., if_match: _Optional[str] = ...) -> None: ...

class LinkPhysicalAddressResponse(_message.Message):
    __slots__ = ["object", "outcome"]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    object: ObjectStats
    outcome: Outcome
    def __init__(self, object: _Optional[_Union[ObjectStats, _Mapping]] = ..., outcome: _Optional[_Union[Outcome, str]] = ...) -> None: ...

class ObjectPath(_message.Message):
    __slots__ = ["branch", "path", "repository"]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    REPOSITORY_FIELD_NUMBER: _ClassVar[int]
    branch: str
    path: str
    repository: str
    def __init__(self, repository: _Optional[str] = ..., branch: _Optional[str] = ..., path: _Optional[str] = ...) -> None: ...

class ObjectStats(_message.Message):
    __slots__ = ["checksum", "content_type", "mtime", "path", "physical_address", "size_bytes", "user_metadata"]
    class UserMetadataEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CHECKSUM_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    MTIME_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    PHYSICAL_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    USER_METADATA_FIELD_NUMBER: _ClassVar[int]
    checksum: str
    content_type: str
    mtime: _timestamp_pb2.Timestamp
    path: str
    physical_address: str
    size_bytes: int
    user_metadata: _containers.ScalarMap[str, str]
    def __init__(self, path: _Optional[str] = ..., physical_address: _Optional[str] = ..., checksum: _Optional[str] = ..., size_bytes: _Optional[int] = ..., mtime: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., user_metadata: _Optional[_Mapping[str, str]] = ..., content_type: _Optional[str] = ...) -> None: ...

class StagingLocation(_message.Message):
    __slots__ = ["physical_address", "presigned_url", "presigned_url_expiry", "token"]
    PHYSICAL_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PRESIGNED_URL_EXPIRY_FIELD_NUMBER: _ClassVar[int]
    PRESIGNED_URL_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    physical_address: str
    presigned_url: str
    presigned_url_expiry: _timestamp_pb2.Timestamp
    token: str
    def __init__(self, physical_address: _Optional[str] = ..., token: _Optional[str] = ..., presigned_url: _Optional[str] = ..., presigned_url_expiry: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class StagingMetadata(_message.Message):
    __slots__ = ["checksum", "content_type", "force", "mtime", "size_bytes", "staging", "user_metadata"]
    class UserMetadataEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CHECKSUM_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    MTIME_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    STAGING_FIELD_NUMBER: _ClassVar[int]
    USER_METADATA_FIELD_NUMBER: _ClassVar[int]
    checksum: str
    content_type: str
    force: bool
    mtime: _timestamp_pb2.Timestamp
    size_bytes: int
    staging: StagingLocation
    user_metadata: _containers.ScalarMap[str, str]
    def __init__(self, staging: _Optional[_Union[StagingLocation, _Mapping]] = ..., checksum: _Optional[str] = ..., size_bytes: _Optional[int] = ..., user_metadata: _Optional[_Mapping[str, str]] = ..., content_type: _Optional[str] = ..., mtime: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., force: bool = ...) -> None: ...

class UploadAndLinkRequest(_message.Message):
    __slots__ = ["chunk", "finish", "header"]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    chunk: UploadChunk
    finish: UploadFinish
    header: UploadHeader
    def __init__(self, header: _Optional[_Union[UploadHeader, _Mapping]] = ..., chunk: _Optional[_Union[UploadChunk, _Mapping]] = ..., finish: _Optional[_Union[UploadFinish, _Mapping]] = ...) -> None: ...

class UploadAndLinkResponse(_message.Message):
    __slots__ = ["checkpoint", "progress", "result", "rewind"]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    REWIND_FIELD_NUMBER: _ClassVar[int]
    checkpoint: UploadCheckpoint
    progress: UploadProgress
    result: UploadResult
    rewind: UploadRewind
    def __init__(self, result: _Optional[_Union[UploadResult, _Mapping]] = ..., progress: _Optional[_Union[UploadProgress, _Mapping]] = ..., rewind: _Optional[_Union[UploadRewind, _Mapping]] = ..., checkpoint: _Optional[_Union[UploadCheckpoint, _Mapping]] = ...) -> None: ...

class UploadCheckpoint(_message.Message):
    __slots__ = ["offset", "token"]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    offset: int
    token: bytes
    def __init__(self, token: _Optional[bytes] = ..., offset: _Optional[int] = ...) -> None: ...

class UploadChunk(_message.Message):
    __slots__ = ["crc32c", "data", "write_offset"]
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    WRITE_OFFSET_FIELD_NUMBER: _ClassVar[int]
    crc32c: int
    data: bytes
    write_offset: int
    def __init__(self, write_offset: _Optional[int] = ..., data: _Optional[bytes] = ..., crc32c: _Optional[int] = ...) -> None: ...

class UploadFailure(_message.Message):
    __slots__ = ["advice", "attempts", "object", "outcome", "rounds"]
    class Advice(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    ADVICE_FIELD_NUMBER: _ClassVar[int]
    ADVICE_FIX_REQUEST: UploadFailure.Advice
    ADVICE_GIVE_UP: UploadFailure.Advice
    ADVICE_RESTART: UploadFailure.Advice
    ADVICE_RETRY_CALL: UploadFailure.Advice
    ADVICE_UNSPECIFIED: UploadFailure.Advice
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ROUNDS_FIELD_NUMBER: _ClassVar[int]
    advice: UploadFailure.Advice
    attempts: int
    object: ObjectStats
    outcome: Outcome
    rounds: int
    def __init__(self, outcome: _Optional[_Union[Outcome, str]] = ..., advice: _Optional[_Union[UploadFailure.Advice, str]] = ..., object: _Optional[_Union[ObjectStats, _Mapping]] = ..., rounds: _Optional[int] = ..., attempts: _Optional[int] = ...) -> None: ...

class UploadFileRequest(_message.Message):
    __slots__ = ["crc32c", "file", "header"]
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    crc32c: int
    file: str
    header: UploadHeader
    def __init__(self, header: _Optional[_Union[UploadHeader, _Mapping]] = ..., file: _Optional[str] = ..., crc32c: _Optional[int] = ...) -> None: ...

class UploadFinish(_message.Message):
    __slots__ = ["crc32c", "md5", "sha256", "size_bytes"]
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    MD5_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    crc32c: int
    md5: bytes
    sha256: bytes
    size_bytes: int
    def __init__(self, size_bytes: _Optional[int] = ..., crc32c: _Optional[int] = ..., sha256: _Optional[bytes] = ..., md5: _Optional[bytes] = ...) -> None: ...

class UploadHeader(_message.Message):
    __slots__ = ["attempt", "can_rewind", "content_type", "force", "if_absent", "if_match", "md5_follows", "mtime", "object", "progress", "request_id", "resumable", "resume_token", "sha256_follows", "size_bytes", "user_metadata"]
    class UserMetadataEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    CAN_REWIND_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    IF_ABSENT_FIELD_NUMBER: _ClassVar[int]
    IF_MATCH_FIELD_NUMBER: _ClassVar[int]
    MD5_FOLLOWS_FIELD_NUMBER: _ClassVar[int]
    MTIME_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RESUMABLE_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SHA256_FOLLOWS_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    USER_METADATA_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    can_rewind: bool
    content_type: str
    force: bool
    if_absent: bool
    if_match: str
    md5_follows: bool
    mtime: _timestamp_pb2.Timestamp
    object: ObjectPath
    progress: bool
    request_id: str
    resumable: bool
    resume_token: bytes
    sha256_follows: bool
    size_bytes: int
    user_metadata: _containers.ScalarMap[str, str]
    def __init__(self, object: _Optional[_Union[ObjectPath, _Mapping]] = ..., content_type: _Optional[str] = ..., user_metadata: _Optional[_Mapping[str, str]] = ..., size_bytes: _Optional[int] = ..., if_absent: bool = ..., force: bool = ..., mtime: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., progress: bool = ..., can_rewind: bool = ..., sha256_follows: bool = ..., md5_follows: bool = ..., attempt: _Optional[int] = ..., if_match: _Optional[str] = ..., resumable: bool = ..., resume_token: _Optional[bytes] = ...) -> None: ...

class UploadManyRequest(_message.Message):
    __slots__ = ["crc32c", "data", "header", "id"]
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    crc32c: int
    data: bytes
    header: UploadHeader
    id: int
    def __init__(self, id: _Optional[int] = ..., header: _Optional[_Union[UploadHeader, _Mapping]] = ..., data: _Optional[bytes] = ..., crc32c: _Optional[int] = ...) -> None: ...

class UploadManyResponse(_message.Message):
    __slots__ = ["id", "result", "status"]
    ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    id: int
    result: UploadResult
    status: bytes
    def __init__(self, id: _Optional[int] = ..., result: _Optional[_Union[UploadResult, _Mapping]] = ..., status: _Optional[bytes] = ...) -> None: ...

class UploadObjectRequest(_message.Message):
    __slots__ = ["crc32c", "data", "header"]
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    crc32c: int
    data: bytes
    header: UploadHeader
    def __init__(self, header: _Optional[_Union[UploadHeader, _Mapping]] = ..., data: _Optional[bytes] = ..., crc32c: _Optional[int] = ...) -> None: ...

class UploadObjectResponse(_message.Message):
    __slots__ = ["result"]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: UploadResult
    def __init__(self, result: _Optional[_Union[UploadResult, _Mapping]] = ...) -> None: ...

class UploadProgress(_message.Message):
    __slots__ = ["phase", "received_bytes", "stored_bytes"]
    class Phase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    PHASE_COMPLETING: UploadProgress.Phase
    PHASE_FIELD_NUMBER: _ClassVar[int]
    PHASE_LINKING: UploadProgress.Phase
    PHASE_UNSPECIFIED: UploadProgress.Phase
    PHASE_UPLOADING: UploadProgress.Phase
    RECEIVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    STORED_BYTES_FIELD_NUMBER: _ClassVar[int]
    phase: UploadProgress.Phase
    received_bytes: int
    stored_bytes: int
    def __init__(self, phase: _Optional[_Union[UploadProgress.Phase, str]] = ..., received_bytes: _Optional[int] = ..., stored_bytes: _Optional[int] = ...) -> None: ...

class UploadResult(_message.Message):
    __slots__ = ["attempts", "bytes_resent", "crc32c", "elapsed", "object", "outcome", "plan", "rounds"]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    BYTES_RESENT_FIELD_NUMBER: _ClassVar[int]
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    ROUNDS_FIELD_NUMBER: _ClassVar[int]
    attempts: int
    bytes_resent: int
    crc32c: int
    elapsed: _duration_pb2.Duration
    object: ObjectStats
    outcome: Outcome
    plan: Plan
    rounds: int
    def __init__(self, object: _Optional[_Union[ObjectStats, _Mapping]] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., crc32c: _Optional[int] = ..., plan: _Optional[_Union[Plan, str]] = ..., rounds: _Optional[int] = ..., attempts: _Optional[int] = ..., bytes_resent: _Optional[int] = ..., elapsed: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class UploadRewind(_message.Message):
    __slots__ = ["offset"]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    offset: int
    def __init__(self, offset: _Optional[int] = ...) -> None: ...

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Plan(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
