import { ThawError } from '../../errors.ts';
import { webRuntimeFolder } from '../../runtime/node/web-files.ts';
import { ONNXRUNTIME } from '../../version.ts';
import { packageFile } from '../package-files.ts';
import { type Serving, serve } from './serving.ts';

/** Where `npm run build` leaves the page. */
const STUDIO = packageFile('dist/studio');

/**
 * Serves the studio to this machine: the page of this package, and ONNX Runtime's files of the onnxruntime-web that is installed.
 *
 * @param port 0 for any that is free
 * @throws ThawError where the port is taken, or something is not installed
 */
export async function serveStudio(port: number): Promise<Serving> {
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new ThawError('bad-config', `${port} is no port`, 'Give a whole number from 0 to 65535');
  }
  // The page contains this version's JavaScript, which loads the WebAssembly of no other version.
  const runtime = await webRuntimeFolder();
  try {
    return await serve(STUDIO, port, { [`ort-${ONNXRUNTIME}`]: runtime });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    throw new ThawError('bad-config', `port ${port} is taken`, 'Choose another with --port', { cause });
  }
}
