import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { ThawError } from '../../errors.ts';
import { webObstacle } from './packages.ts';

const require = createRequire(import.meta.url);

/**
 * The folder of ONNX Runtime's files for pages.
 *
 * @throws ThawError `device` if they are not installed, or have another version
 */
export async function webRuntimeFolder(): Promise<string> {
  const obstacle = await webObstacle();
  if (obstacle) throw new ThawError('device', obstacle.reason, obstacle.howToGetIt);
  return dirname(require.resolve('onnxruntime-web'));
}
