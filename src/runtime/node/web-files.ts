import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { ThawError } from '../../errors.ts';
import { packageVersion } from './doctor.ts';

const require = createRequire(import.meta.url);

/**
 * The folder of ONNX Runtime's files for pages.
 *
 * @param version that they must be of
 * @throws ThawError `device` where they are not installed, or of another version
 */
export async function webRuntimeFolder(version: string): Promise<string> {
  const installed = await packageVersion('onnxruntime-web');
  if (installed === version) return dirname(require.resolve('onnxruntime-web'));
  throw new ThawError(
    'device',
    installed
      ? `onnxruntime-web ${installed} is installed, and ${version} is needed`
      : `onnxruntime-web isn't installed`,
    `npm install onnxruntime-web@${version}`,
  );
}
