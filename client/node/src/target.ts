import { inspect } from 'node:util';

import { invalidRequest } from './error.js';
import type { ObjectPath } from './generated/lakefs_staging/v1/staging.js';

/**
 * Where an object is to be linked: `lakefs://REPOSITORY/BRANCH/PATH`, or the three
 * by themselves. The path is all that follows the slash behind the branch, as it
 * stands: it is not decoded, and `?`, `#`, `%` and further slashes are part of it.
 */
export type Target =
  | string
  | {
      /** Name of the repository. */
      readonly repository: string;
      /** Name of the branch, and no other ref. */
      readonly branch: string;
      /** Path of the object relative to the branch; 1 to 1024 bytes of UTF-8. */
      readonly path: string;
    };

const URI = /^lakefs:\/\/(?<repository>[^/]*)\/?(?<branch>[^/]*)\/?(?<path>.*)$/s;

/** Fails with INVALID_REQUEST where `target` is neither form, or not UTF-8. */
export function toObjectPath(target: Target): ObjectPath {
  const parts = typeof target === 'string' ? parse(target) : target;
  const { repository, branch, path } = parts;
  checkText('the repository', repository);
  checkText('the branch', branch);
  checkText('the path', path);
  return { repository, branch, path };
}

function parse(uri: string): ObjectPath {
  const parts = URI.exec(uri)?.groups as ObjectPath | undefined;
  if (!parts) throw bad(uri, 'does not begin with lakefs://');
  for (const name of ['repository', 'branch', 'path'] as const) {
    if (!parts[name]) throw bad(uri, `names no ${name}`);
  }
  return parts;
}

function bad(uri: string, what: string): Error {
  return invalidRequest(`${quote(uri)} ${what}; write lakefs://repository/branch/path`);
}

/** Fails with INVALID_REQUEST where `text` is no text that UTF-8 can have. */
export function checkText(what: string, text: unknown): asserts text is string {
  if (typeof text === 'string' && text.isWellFormed()) return;
  throw invalidRequest(`${what} ${quote(text)} is no text of whole characters`);
}

/** How a message shows what the caller gave; short, and on one line. */
export function quote(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value.slice(0, 1100))
    : inspect(value, { depth: 0, breakLength: Infinity }).slice(0, 64);
}
