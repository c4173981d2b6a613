// Uploads one file: node upload.mjs GATEWAY FILE REPOSITORY BRANCH PATH
// GATEWAY is 127.0.0.1:8765 or unix:/path. The stubs are made from the .proto
// when the program starts.
import { createReadStream } from 'node:fs';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';

const [gateway, file, repository, branch, path] = process.argv.slice(2);
const protos = fileURLToPath(new URL('../../proto', import.meta.url));
const definition = loader.loadSync('lakefs_staging/v1/staging.proto',
    { includeDirs: [protos], keepCase: true, longs: String, enums: String });
const { Staging } = grpc.loadPackageDefinition(definition).lakefs.staging.v1;

// No proxy of the environment leads to what is beside this program.
const client = new Staging(gateway, grpc.credentials.createInsecure(),
    { 'grpc.enable_http_proxy': 0 });
const call = client.UploadAndLink();
const result = new Promise((resolve, reject) => {
  call.on('data', (message) => message.result && resolve(message.result));
  call.on('error', reject);
});
result.catch(() => {});  // Looked at below.

// Waits while the gateway takes no more.
const send = (message) =>
  call.write(message) || call.destroyed ||
  new Promise((go) => { call.once('drain', go); call.once('error', go); });

await send({ header: { object: { repository, branch, path } } });
let size = 0;
for await (const data of createReadStream(file, { highWaterMark: 1 << 20 })) {
  if (call.destroyed) break;
  await send({ chunk: { write_offset: size, data } });
  size += data.length;
}
await send({ finish: { size_bytes: size } });
call.end();
try {
  console.log(await result);
} catch (error) {
  console.error(`${grpc.status[error.code]}: ${error.details}`);
  process.exitCode = 1;
} finally {
  client.close();
}
