/**
 * Puts objects into lakeFS by a staging gateway, with an outcome that is always known. Begin with
 * {@link example.lakefs_staging.StagingClient}.
 */
package example.lakefs_staging;
