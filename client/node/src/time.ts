import type { Timestamp } from './generated/google/protobuf/timestamp.js';

export function fromTimestamp(timestamp: Timestamp | undefined): Date | undefined {
  return timestamp && new Date(timestamp.seconds * 1e3 + timestamp.nanos / 1e6);
}

export function toTimestamp(date: Date): Timestamp {
  const milliseconds = date.getTime();
  const seconds = Math.floor(milliseconds / 1e3);
  return { seconds, nanos: (milliseconds - seconds * 1e3) * 1e6 };
}

/** What lakeFS keeps of a time of modification. */
export function toWholeSeconds(date: Date): Timestamp {
  return { ...toTimestamp(date), nanos: 0 };
}
