import { BinaryWriter } from '@bufbuild/protobuf/wire';

import { crc32c } from './crc32c.js';

/** Chunks of 64 KiB cost a third more CPU; those of 4 MiB are no faster. */
export const CHUNK_BYTES = 1 << 20;

/** More than what stands before the data in the message. */
const HEAD_BYTES = 48;

/**
 * A chunk in the making. Its message is put together around its data, where they
 * are: the generated code would copy them twice.
 */
export class Chunk {
  readonly #bytes = Buffer.allocUnsafeSlow(HEAD_BYTES + CHUNK_BYTES);
  /** Room for the data. */
  readonly room: Buffer = this.#bytes.subarray(HEAD_BYTES);
  /** How much of it is used. */
  size = 0;

  get data(): Buffer {
    return this.room.subarray(0, this.size);
  }

  /**
   * An `UploadAndLinkRequest` with `data` as its chunk, serialized; good until the
   * data change.
   */
  message(writeOffset: number): { bytes: Buffer; crc32c: number } {
    const checksum = crc32c(this.data);
    // The fields of UploadChunk, and the field `chunk` around them; each number is
    // the tag of one: its number * 8 + its wire type.
    const fields = new BinaryWriter();
    fields.uint32(8).int64(writeOffset);
    fields.uint32(29).fixed32(checksum);
    fields.uint32(18).uint32(this.size);
    const inner = fields.finish();
    const outer = new BinaryWriter()
      .uint32(18)
      .uint32(inner.length + this.size)
      .finish();
    const begin = HEAD_BYTES - inner.length - outer.length;
    this.#bytes.set(outer, begin);
    this.#bytes.set(inner, begin + outer.length);
    return {
      bytes: this.#bytes.subarray(begin, HEAD_BYTES + this.size),
      crc32c: checksum,
    };
  }
}
