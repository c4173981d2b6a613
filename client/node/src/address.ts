import { invalidRequest } from './error.js';
import { quote } from './target.js';

/** Where a gateway is. */
export interface Address {
  /** As the caller named it. */
  readonly name: string;
  /** As gRPC wants it. */
  readonly target: string;
  /** Whether what is sent there cannot leave this machine. */
  readonly isLocal: boolean;
}

const HOST_AND_PORT = /^(?<host>\[[^\]/]+\]|[^/\s]+):(?<port>\d{1,5})$/;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i;

/** Fails with INVALID_REQUEST where `name` is neither `HOST:PORT` nor `unix:/path`. */
export function parseAddress(name: string): Address {
  if (/^unix:./s.test(name)) return { name, target: name, isLocal: true };
  const { host = '', port } = HOST_AND_PORT.exec(name)?.groups ?? {};
  if (!(Number(port) > 0 && Number(port) < 65536)) {
    throw invalidRequest(
      `${quote(name)} is no gateway address; write HOST:PORT or unix:/path`,
    );
  }
  return { name, target: `dns:${name}`, isLocal: LOOPBACK.test(host) };
}
