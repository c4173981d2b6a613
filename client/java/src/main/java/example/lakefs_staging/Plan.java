package example.lakefs_staging;

/** How the bytes of an object went to its store. */
public enum Plan {
  /** Not told, or one that this library does not know. */
  UNSPECIFIED,
  /** One PUT to a presigned URL. */
  SINGLE_PUT,
  /** A presigned multipart upload. */
  MULTIPART,
  /** Azure: blocks, put together by a block list. */
  AZURE_BLOCKS,
  /** Spooled to a temporary file of the gateway's, then one PUT. */
  SPOOLED_PUT,
  /** With the gateway's own credentials of the store. */
  DIRECT_S3,
  /** A file on a volume shared with lakeFS. */
  LOCAL_FILE,
  /** Through lakeFS. */
  THROUGH_LAKEFS;

  static Plan of(example.lakefs_staging.v1.Plan plan) {
    switch (plan) {
      case PLAN_SINGLE_PUT:
        return SINGLE_PUT;
      case PLAN_MULTIPART:
        return MULTIPART;
      case PLAN_AZURE_BLOCKS:
        return AZURE_BLOCKS;
      case PLAN_SPOOLED_PUT:
        return SPOOLED_PUT;
      case PLAN_DIRECT_S3:
        return DIRECT_S3;
      case PLAN_LOCAL_FILE:
        return LOCAL_FILE;
      case PLAN_THROUGH_LAKEFS:
        return THROUGH_LAKEFS;
      default:
        return UNSPECIFIED;
    }
  }
}
