// Builds the studio where it is not built yet, and serves it on this machine as `thaw studio` does.
//   npm run studio -- --port 5180
//   npm run studio -- --build [FOLDER]   builds only
import { resolve } from 'node:path';
import process from 'node:process';
import { runThaw } from '../../src/cli/run.ts';
import { buildStudio, isStale, STUDIO } from './build.ts';

const words = process.argv.slice(2);
const [first, folder = STUDIO] = words;
if (first === '--build') await buildStudio(resolve(folder));
else {
  if (isStale()) {
    console.error('building the studio …');
    await buildStudio();
  }
  process.exitCode = await runThaw(['studio', ...words], process);
}
