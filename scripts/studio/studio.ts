// Builds the studio where it is not built yet, and serves it on this machine as `thaw studio` does.
//   npm run studio -- --port 5180
//   npm run studio -- --build     builds only
import process from 'node:process';
import { runThaw } from '../../src/cli/run.ts';
import { buildStudio, isStale } from './build.ts';

const words = process.argv.slice(2);
if (isStale()) {
  console.error('building the studio …');
  await buildStudio();
}
if (!words.includes('--build')) process.exitCode = await runThaw(['studio', ...words], process);
