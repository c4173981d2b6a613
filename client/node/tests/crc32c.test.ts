import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';

import { concatCrc32c, crc32c, portableCrc32c } from '../src/crc32c.js';

/** RFC 3720, B.4, and the check value of the algorithm's catalogue. */
const KNOWN: readonly (readonly [Buffer, number])[] = [
  [Buffer.alloc(0), 0],
  [Buffer.from('123456789'), 0xe3069283],
  [Buffer.alloc(32), 0x8a9136aa],
  [Buffer.alloc(32, 0xff), 0x62a8ab43],
  [Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
];

for (const [name, of] of Object.entries({ crc32c, portableCrc32c })) {
  test(`${name} gives the known checksums`, () => {
    for (const [data, expected] of KNOWN) assert.equal(of(data), expected);
  });

  test(`${name} goes on where it stopped, at any length and alignment`, () => {
    const data = randomBytes(200);
    for (let begin = 0; begin < 20; ++begin) {
      for (let cut = begin; cut <= data.length; cut += 7) {
        const first = of(data.subarray(begin, cut));
        assert.equal(
          of(data.subarray(cut), first),
          portableCrc32c(data.subarray(begin)),
        );
      }
    }
  });
}

test('the checksum of two pieces is put together of theirs', () => {
  const data = randomBytes(5000);
  for (const cut of [0, 1, 16, 1000, 4999, 5000]) {
    const [a, b] = [data.subarray(0, cut), data.subarray(cut)];
    assert.equal(concatCrc32c(crc32c(a), crc32c(b), b.length), crc32c(data));
  }
});

test('it is put together also where the second is of more than 4 GiB', () => {
  // A run of zeros is moved by its length; five of 1 GiB are one of 5 GiB.
  const gib = 2 ** 30;
  let moved = 0x12345678;
  for (let i = 0; i < 5; ++i) moved = concatCrc32c(moved, 0, gib);
  assert.equal(concatCrc32c(0x12345678, 0, 5 * gib), moved);
});
