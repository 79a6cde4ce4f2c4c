import { ThawError } from '../../errors.ts';
import { webRuntimeFolder } from '../../runtime/node/web-files.ts';
import { ONNXRUNTIME } from '../../version.ts';
import { packageFile } from '../package-files.ts';
import { type Serving, serve } from './serving.ts';

/** Output folder of the page in `npm run build`. */
const STUDIO = packageFile('dist/studio');

/**
 * Serves the studio to this machine: the page of this package, and ONNX Runtime's files from the installed onnxruntime-web.
 *
 * @param port 0 for any free port
 * @throws ThawError if the port is in use, or a package is missing
 */
export async function serveStudio(port: number): Promise<Serving> {
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new ThawError('bad-config', `${port} is not a port`, 'Give a whole number from 0 to 65535');
  }
  // The page contains JavaScript of this version, which needs the WebAssembly of the same version.
  const runtime = await webRuntimeFolder();
  try {
    return await serve(STUDIO, port, { [`ort-${ONNXRUNTIME}`]: runtime });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    throw new ThawError('bad-config', `port ${port} is in use`, 'Choose another port with --port', { cause });
  }
}
