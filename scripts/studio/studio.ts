// Builds the studio where it is not built yet, and serves it on this machine.
//   npm run studio -- --port 5180
import { parseArgs } from 'node:util';
import { buildStudio, isStale, STUDIO } from './build.ts';
import { serve } from './serve.ts';

const fail = (line: string): never => {
  console.error(line);
  process.exit(2);
};

const { values } = (() => {
  try {
    return parseArgs({
      options: { port: { type: 'string', default: '5180' }, build: { type: 'boolean', default: false } },
    });
  } catch (error) {
    return fail(`${(error as Error).message}. npm run studio takes --port NUMBER, and --build to build only`);
  }
})();
const port = Number(values.port);
if (!Number.isInteger(port) || port < 0 || port > 65535) fail(`--port ${values.port} is no port: give 0 to 65535`);

if (isStale()) {
  console.error('Building the studio …');
  await buildStudio();
}
if (!values.build) {
  const { address } = await serve(STUDIO, port).catch((error: NodeJS.ErrnoException) =>
    fail(error.code === 'EADDRINUSE' ? `port ${port} is taken: choose another with --port` : error.message),
  );
  console.log(`Thaw studio: ${address}\nStop it with Ctrl+C.`);
}
